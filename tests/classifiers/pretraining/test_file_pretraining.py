"""What `pretrain_files` refuses before it opens a model or writes a file."""

from __future__ import annotations

import pytest

from augment.errors import InputError
from classifiers.pretraining import pretrain_files


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "mml"}, "Did you mean 'mlm'"),
        ({"condition": "labels"}, "Did you mean 'label'"),
        ({"objective": "simcse", "condition": "label"}, "for the objective 'mlm'"),
        ({"objective": "simcse", "teacher": "mini"}, "for the objective 'mlm'"),
        ({"triple_columns": ("a", "b", "c")}, "for the objective 'supervised-simcse'"),
    ],
)
def test_what_an_objective_would_not_use_is_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        pretrain_files(["absent.txt"], tmp_path / "model", model="mini", **options)
    assert not list(tmp_path.iterdir())
