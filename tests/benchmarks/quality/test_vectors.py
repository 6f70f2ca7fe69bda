"""What `benchmarks vectors` and `benchmarks throughput --of smote` measure."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from vector_measures import leave_out_the_network

from augment.data.corpus import read
from augment.errors import InputError
from augment.models.encoder import TextEncoder
from benchmarks.cli.entry import main
from benchmarks.quality.vectors import DUPLICATES, vector_quality
from benchmarks.speed.smote import SmoteSetting, competitors

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module", autouse=True)
def without_network():
    with pytest.MonkeyPatch.context() as patch:
        leave_out_the_network(patch)
        yield


@pytest.fixture(scope="module")
def judged():
    corpus = read("sample")
    return vector_quality(
        corpus, corpus, "neutral", TextEncoder(normalize=True), strategies=[DUPLICATES, "smote", "gaussian"], seeds=2
    )


def test_every_strategy_is_measured_beside_real_rows(judged):
    real, duplicates, smote, gaussian = judged
    assert [one.name for one in judged] == ["real rows", DUPLICATES, "smote", "gaussian"]
    assert [one.rows for one in judged] == [45, 90, 90, 90]
    assert duplicates.fidelity.nearest_train == 0 < smote.fidelity.nearest_train < gaussian.fidelity.nearest_train
    assert smote.fidelity.variance_ratio < gaussian.fidelity.variance_ratio  # .90 and .98, in bfloat16 too
    assert all(one.fidelity.reference is real.fidelity for one in judged[1:])


def test_the_numbers_are_means_over_seeds(judged):
    corpus = read("sample")
    encoder = TextEncoder(normalize=True)
    one = vector_quality(corpus, corpus, "neutral", encoder, strategies=["smote"], seeds=1)[1]
    assert one.fidelity.nearest_train != judged[2].fidelity.nearest_train
    assert one.fidelity.nearest_train == pytest.approx(judged[2].fidelity.nearest_train, rel=0.5)


@pytest.mark.parametrize(
    ("strategies", "says"),
    [
        (["fillmask"], "no vector strategy 'fillmask'"),
        (["smote:k=3"], "no parameter 'k'"),
        (["smote:k_neighbors"], "NAME:key=value"),
    ],
)
def test_what_makes_no_vectors_is_refused(strategies, says):
    corpus = read("sample")
    with pytest.raises(InputError, match=says):
        vector_quality(corpus, corpus, "neutral", TextEncoder(), strategies=strategies)


def test_an_unknown_class_is_refused():
    corpus = read("sample")
    with pytest.raises(InputError, match="must have rows of class 'mixed'"):
        vector_quality(corpus, corpus, "mixed", TextEncoder(), strategies=["smote"])


def test_the_command_prints_a_table_or_json():
    asked = ["vectors", "sample", "--held-out", "sample", "--strategy", "smote", "--seeds", "1"]
    shown = CliRunner().invoke(main, asked)
    assert shown.exit_code == 0, shown.stderr
    assert "real rows" in shown.stdout
    found = json.loads(CliRunner().invoke(main, [*asked, "--json"]).stdout)
    assert [one["name"] for one in found] == ["real rows", "smote"]
    assert 0 <= found[1]["fidelity"]["coverage"] <= 1


def test_both_smotes_are_measured_on_the_same_work():
    setting = SmoteSetting(rows=600, width=8, threads=1)
    ours, theirs = (competitor.measure(setting) for competitor in competitors())
    assert ours.rows == theirs.rows > 0
    assert np.isfinite([ours.seconds, theirs.seconds, ours.peak_mb, theirs.peak_mb]).all()
    assert ours.peak_mb < 400, "torch is not loaded"
