"""A data set of torch has new rows each epoch: the same for a seed and an epoch, in every process."""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from swapped_words import LABELS, SHUFFLED, SHUFFLED_LABELS, TEXTS, Stubborn, Swap
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments

from augment import Smote
from augment.errors import InputError
from augment.torch import NewRowsEachEpoch, Redrawn

PAIR = (SHUFFLED, SHUFFLED_LABELS)


def texts(rows: Redrawn, epoch: int) -> list[str]:
    rows.set_epoch(epoch)
    return [text for text, _ in rows]


def test_each_epoch_has_its_own_rows_after_the_originals():
    rows = Redrawn(PAIR, Swap(), seed=3)
    assert (len(rows), rows.originals, rows.epoch) == (21, 12, 0)
    assert [*rows][:12] == [*zip(*PAIR, strict=True)]
    epochs = [texts(rows, epoch) for epoch in range(3)]
    assert all(epoch[:12] == SHUFFLED for epoch in epochs)
    assert len({text for epoch in epochs for text in epoch}) == 12 + 3 * 9
    labels = [label for _, label in rows]
    assert {label: labels.count(label) for label in set(labels)} == {"neutral": 7, "negative": 7, "positive": 7}
    assert rows[-1] == rows[20]
    with pytest.raises(IndexError):
        rows[21]


def test_the_rows_depend_on_seed_and_epoch_and_not_on_what_was_drawn_before():
    first = [texts(Redrawn(PAIR, Stubborn(), seed=3), epoch) for epoch in range(3)]
    backwards = Redrawn(PAIR, Stubborn(), seed=3)
    assert [texts(backwards, epoch) for epoch in (2, 1, 0)] == first[::-1]
    assert texts(Redrawn(PAIR, Stubborn(), random_state=4), 0) != first[0]


def test_variants_are_taken_in_turn():
    rows = Redrawn(PAIR, Swap(), variants=2)
    epochs = [texts(rows, epoch) for epoch in range(4)]
    assert epochs[:2] == epochs[2:]
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_have_the_rows_of_the_epoch(persistent):
    """Persistent ones were started in an earlier epoch."""
    rows = Redrawn(PAIR, Swap())
    loader = DataLoader(rows, batch_size=4, num_workers=2, persistent_workers=persistent)
    for epoch in range(3):
        rows.set_epoch(epoch)
        found = [text for batch in loader for text in batch[0]]
        assert found == [text for text, _ in rows]


@pytest.mark.slow
def test_workers_that_are_spawned_have_the_rows_of_the_epoch():
    rows = Redrawn(PAIR, Swap())
    loader = DataLoader(rows, batch_size=21, num_workers=1, persistent_workers=True, multiprocessing_context="spawn")
    for epoch in range(2):
        rows.set_epoch(epoch)
        (batch,) = loader
        assert list(batch[0]) == [text for text, _ in rows]


def test_a_copy_has_the_rows_and_does_not_make_or_remove_them():
    rows = Redrawn(PAIR, Swap())
    rows.set_epoch(1)
    copy = pickle.loads(pickle.dumps(rows))
    assert [*copy] == [*rows]
    with pytest.raises(InputError, match="Only the process that has made the data set"):
        copy.set_epoch(2)
    folder = Path(rows._folder)
    del copy
    assert folder.exists()
    del rows
    assert not folder.exists()


def test_items_of_tables_have_text_label_and_the_columns_that_are_kept():
    frame = pd.DataFrame(
        {"id": range(12), "tweet": SHUFFLED, "label": SHUFFLED_LABELS, "weight": [2.0] * 6 + [1.0] * 6}
    )
    rows = Redrawn(frame, Swap(), text_column="tweet", keep_columns=["weight"])
    assert rows[0] == {"tweet": SHUFFLED[0], "label": SHUFFLED_LABELS[0], "weight": 2.0}
    assert all(list(row) == ["tweet", "label", "weight"] for row in rows)
    lengths = Redrawn(frame, Swap(), text_column="tweet", transform=lambda row: len(row["tweet"]))
    assert lengths[0] == len(SHUFFLED[0])


def test_of_a_data_set_of_splits_the_others_are_held_out():
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neutral", "negative", "positive"])})
    codes = [features["label"].str2int(label) for label in LABELS]
    train = Dataset.from_dict({"text": TEXTS, "label": codes}, features=features)
    rows = Redrawn(DatasetDict(train=train, test=train.select([0, 3])), "random")
    assert rows[0] == {"text": TEXTS[0], "label": 0}
    for epoch in range(2):
        rows.set_epoch(epoch)
        new = [rows[place] for place in range(12, 21)]
        assert {row["text"] for row in new}.isdisjoint([TEXTS[0], TEXTS[3]])
        assert [row["label"] for row in new] == [codes[TEXTS.index(row["text"])] for row in new]


def test_rows_that_cannot_be_made_are_repeated_so_that_the_length_stays():
    with pytest.warns(UserWarning, match="3 of class 'negative'.* Others are repeated"):
        rows = Redrawn(PAIR, Swap(), max_per_source=1, sampling_strategy={"negative": 7})
    new = [rows[place] for place in range(12, 17)]
    assert len(rows) == 17
    assert len(set(new)) == 2
    assert {label for _, label in new} == {"negative"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"variants": 0}, "`variants` must be a whole number, 1 or more"),
        ({"sampling_strategy": {"neutral": 3}}, "There is nothing to draw"),
        ({"strategy": Smote()}, "makes vectors, not texts"),
        ({"seed": -1}, "Got -1"),
    ],
)
def test_what_cannot_be_used_is_refused_before_the_loop(options, says):
    with pytest.raises(InputError, match=says):
        Redrawn(PAIR, **{"strategy": Swap(), **options})
    with pytest.raises(InputError, match="`epoch` must be"):
        Redrawn(PAIR, Swap()).set_epoch(-1)


class Model(torch.nn.Module):
    """Records what it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[int] = []

    def forward(self, key: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        self.seen += key.tolist()
        return {"loss": (self.weight * labels).sum()}


def test_the_trainer_of_transformers_trains_on_the_rows_of_each_epoch(tmp_path):
    def numbered(row):
        return {"key": hash(row[0]), "labels": len(row[1])}

    rows = Redrawn(PAIR, Swap(), transform=numbered)
    model = Model()
    arguments = TrainingArguments(
        str(tmp_path), num_train_epochs=3, per_device_train_batch_size=8, use_cpu=True, report_to=[], disable_tqdm=True
    )
    Trainer(model, arguments, train_dataset=rows, callbacks=[NewRowsEachEpoch()]).train()
    for epoch in range(3):
        rows.set_epoch(epoch)
        assert sorted(model.seen[21 * epoch : 21 * (epoch + 1)]) == sorted(row["key"] for row in rows)
    other = Trainer(model, arguments, train_dataset=[rows[0]], callbacks=[NewRowsEachEpoch()])
    with pytest.raises(InputError, match="Got list"):
        other.train()
