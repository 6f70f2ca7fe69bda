"""What a training reports to trackers arrives there: the gap, and the F1 of the rarest class."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from small_trainings import RARE, VALIDATION, quick_config

from augment.errors import InputError
from classifiers import train
from classifiers.training.history import Record


def last_of(folder: Path, bert: Path, tracker: str) -> Record:
    config = quick_config(bert, epochs=1.0, report_to=[tracker])
    return train(config, RARE, VALIDATION, output_dir=folder, overwrite=folder.exists()).last


def needs(tracker: str) -> None:
    if importlib.util.find_spec(tracker) is None:
        pytest.skip(f"{tracker} is not installed")


def test_tensorboard_reads_what_was_reported(tmp_path: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    for trainings in (1, 2):  # the second one replaces the model, and its run stands beside the first
        last = last_of(tmp_path / "model", bert, "tensorboard")
        runs = sorted((tmp_path / "model" / "runs" / "train").rglob("events.*"))
        assert len(runs) == trainings
    run = max((file for file in runs), key=lambda file: file.stat().st_mtime_ns).parent
    events = EventAccumulator(str(run))
    events.Reload()
    rare = last["validation"]["f1"]["neutral"]
    assert events.Scalars("eval/gap")[-1].value == pytest.approx(last["gap"])
    assert events.Scalars("eval/validation_f1_neutral")[-1].value == pytest.approx(rare)
    assert events.Scalars("eval/rarest_class_f1")[-1].value == pytest.approx(rare)
    with pytest.raises(InputError, match="TensorBoard needs a folder"):
        train(quick_config(bert, report_to=["tensorboard"]), RARE)


def test_mlflow_keeps_what_was_reported_in_a_folder(
    tmp_path: Path, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    last = last_of(tmp_path / "model", bert, "mlflow")
    for name, value in {"gap": last["gap"], "rarest_class_f1": last["validation"]["f1"]["neutral"]}.items():
        [file] = (tmp_path / "runs").rglob(f"eval_{name}")
        assert float(file.read_text().splitlines()[-1].split()[1]) == pytest.approx(value)


def test_weights_and_biases_writes_a_run_offline(tmp_path: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("wandb")
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    last = last_of(tmp_path / "model", bert, "wandb")
    assert wandb.run is not None
    summary = dict(wandb.run.summary)
    wandb.finish()
    assert summary["eval/gap"] == pytest.approx(last["gap"])
    assert summary["eval/rarest_class_f1"] == pytest.approx(last["validation"]["f1"]["neutral"])
    assert [*tmp_path.rglob("run-*.wandb")]
