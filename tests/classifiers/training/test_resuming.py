"""A training that was stopped, killed or cut short ends in the weights of one that was not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from small_trainings import RARE, TRAIN, VALIDATION, Stop, same, weights
from transformers import TrainerCallback

from augment.errors import OutputError
from classifiers.training.history import read
from classifiers.training.resuming import WHOLE
from classifiers.training.run import train

pytestmark = [pytest.mark.numeric, pytest.mark.usefixtures("without_curves")]


@pytest.fixture(scope="module")
def uninterrupted():
    """Trainings that were never stopped, each run once."""
    results = {}

    def trained(config):
        key = config.model_dump_json()
        if key not in results:
            results[key] = train(config, TRAIN, VALIDATION)
        return results[key]

    return trained


@pytest.mark.parametrize("step", [3, 7, 11])
def test_a_resumed_training_ends_in_the_same_weights_and_history(config, uninterrupted, tmp_path, step):
    asked = config(evaluate_steps=2, r_drop=0.3)
    whole = uninterrupted(asked)
    with pytest.raises(KeyboardInterrupt):
        train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "cut", callbacks=[Stop(step)])
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["checkpoints"]
    resumed = train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "cut", resume=True)
    assert same(weights(whole), weights(resumed))
    assert read(tmp_path / "cut" / "history.jsonl") == whole.history
    assert not (tmp_path / "cut" / "checkpoints").exists()


def test_a_training_that_was_stopped_after_its_last_step_writes_the_same_files(config, tmp_path, monkeypatch):
    asked = config(evaluate_steps=2)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(asked, TRAIN, VALIDATION, output_dir=whole)
    with monkeypatch.context() as patch:
        patch.setattr("classifiers.training.output_folder.save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(asked, TRAIN, VALIDATION, output_dir=cut)
    train(asked, TRAIN, VALIDATION, output_dir=cut, resume=True)
    files = sorted(path.name for path in whole.iterdir())
    assert sorted(path.name for path in cut.iterdir()) == files
    for name in files:
        if name != "training.json":  # which has the seconds
            assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
    before = {path: path.stat().st_mtime_ns for path in cut.iterdir()}
    (cut / ".checkpoints.0123abcd.tmp" / "train").mkdir(parents=True)  # as a kill while the work is removed leaves it
    again = train(asked, TRAIN, VALIDATION, output_dir=cut, resume=True)
    assert {path: path.stat().st_mtime_ns for path in cut.iterdir()} == before, "a finished training is left alone"
    recorded = json.loads((cut / "training.json").read_text())
    assert again.record() == {name: value for name, value in recorded.items() if name != "run"}
    assert again.history == read(whole / "history.jsonl")
    with pytest.raises(OutputError, match="holds a model already"):
        train(config(evaluate_steps=2, seed=1), TRAIN, VALIDATION, output_dir=cut, resume=True)


def interrupted(*arguments):
    raise KeyboardInterrupt


@pytest.mark.parametrize("what", ["state", "weights", "random numbers"])
def test_a_checkpoint_that_was_cut_short_is_passed_over(config, uninterrupted, tmp_path, what):
    asked, folder = config(evaluate_steps=2, dropout=0.3), tmp_path / "cut"
    whole = uninterrupted(asked)
    with pytest.raises(KeyboardInterrupt):
        train(asked, TRAIN, VALIDATION, output_dir=folder, callbacks=[Stop(7)])
    checkpoint = folder / "checkpoints" / "train" / "checkpoint-6"
    if what == "state":
        state = checkpoint / "trainer_state.json"
        state.write_text(state.read_text()[:100])
    elif what == "random numbers":  # a kill while the trainer deleted it
        (checkpoint / "rng_state.pth").unlink()
    else:  # a power cut before all of it was on the disk
        (checkpoint / WHOLE).unlink()
        (checkpoint / "model.safetensors").write_bytes(b"")
    resumed = train(asked, TRAIN, VALIDATION, output_dir=folder, resume=True)
    assert same(weights(whole), weights(resumed))
    assert resumed.history == whole.history, "of the weights that were not the best, too"


def test_an_unfinished_training_is_neither_taken_for_another_nor_overwritten_unasked(config, tmp_path):
    folder = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt):
        train(config(), TRAIN, VALIDATION, output_dir=folder, callbacks=[Stop(3)])
    with pytest.raises(OutputError, match=r"unfinished training. Give `resume=True`"):
        train(config(), TRAIN, VALIDATION, output_dir=folder)
    with pytest.raises(OutputError, match=r"is another one: config.seed was 0 and is 1 now"):
        train(config(seed=1), TRAIN, VALIDATION, output_dir=folder, resume=True)
    with pytest.raises(OutputError, match=r"is another one: data.training was"):
        train(config(), RARE, VALIDATION, output_dir=folder, resume=True)
    train(config(seed=1, epochs=1.0), TRAIN, VALIDATION, output_dir=folder, overwrite=True)
    with pytest.raises(OutputError, match="holds a model already"):
        train(config(), TRAIN, VALIDATION, output_dir=folder)


def test_a_killed_process_is_resumed(config, tmp_path):
    code = (
        textwrap.dedent(f"""
        import sys
        import torch
        torch.set_num_threads(1)  # as here: sums of floats depend on it
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from small_trainings import TRAIN, VALIDATION
        from classifiers.config import TrainConfig
        from classifiers.training.run import train
        config = TrainConfig(**{json.dumps(config(epochs=6.0).model_dump())!s})
        train(config, TRAIN, VALIDATION, output_dir={str(tmp_path / "model")!r})
    """)
        .replace("null", "None")
        .replace("false", "False")
        .replace("true", "True")
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    history = tmp_path / "model" / "checkpoints" / "history.jsonl"
    until = time.monotonic() + 120
    while (not history.exists() or history.read_text().count("\n") < 2) and time.monotonic() < until:
        assert process.poll() is None, process.stderr.read()[-2000:]
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "model" / "training.json").exists()
    resumed = train(config(epochs=6.0), TRAIN, VALIDATION, output_dir=tmp_path / "model", resume=True)
    assert [record["epoch"] for record in resumed.history] == list(range(1, 7))
    whole = train(config(epochs=6.0), TRAIN, VALIDATION)
    assert same(weights(whole), weights(resumed))


class StopAfterSaving(TrainerCallback):
    """Ends the training by an error just after a step was saved."""

    def __init__(self, step):
        self.step = step

    def on_save(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


def test_a_training_that_was_stopped_early_and_then_killed_is_not_gone_on_with(config, tmp_path):
    asked = config(epochs=30.0, patience=2)
    whole = train(asked, TRAIN, VALIDATION)
    with pytest.raises(KeyboardInterrupt):
        train(
            asked,
            TRAIN,
            VALIDATION,
            output_dir=tmp_path / "cut",
            callbacks=[StopAfterSaving(whole.last["step"])],
        )
    (tmp_path / "cut").rename(tmp_path / "moved")
    resumed = train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "moved", resume=True)
    assert resumed.history == whole.history
    assert same(weights(whole), weights(resumed))


def test_a_training_whose_folder_was_moved_keeps_the_best_weights(config, tmp_path):
    asked = config(epochs=5.0, learning_rate=1e-2)
    whole = train(asked, TRAIN, VALIDATION)
    with pytest.raises(KeyboardInterrupt):
        train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "cut", callbacks=[StopAfterSaving(24)])
    (tmp_path / "cut").rename(tmp_path / "moved")
    resumed = train(asked, TRAIN, VALIDATION, output_dir=tmp_path / "moved", resume=True)
    assert same(weights(whole), weights(resumed))


def test_a_folder_of_that_name_which_is_not_ours_is_left_alone(config, tmp_path):
    (tmp_path / "model" / "checkpoints").mkdir(parents=True)
    (tmp_path / "model" / "checkpoints" / "mine.txt").write_text("mine")
    for more in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(OutputError, match="has a folder 'checkpoints' that is not of a training"):
            train(config(), TRAIN, VALIDATION, output_dir=tmp_path / "model", **more)
    assert (tmp_path / "model" / "checkpoints" / "mine.txt").exists()


def test_a_full_disk_is_one_error_and_what_was_finished_is_gone_on_with(config, uninterrupted, tmp_path, monkeypatch):
    asked, folder = config(evaluate_steps=2), tmp_path / "model"
    whole = uninterrupted(asked)
    saves = []
    save = torch.save

    def full(*arguments, **more):
        saves.append(1)
        if len(saves) > 8:
            raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 24640 vs 24532")
        return save(*arguments, **more)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match=r"cannot be written .*; free the disk .* `resume=True`"):
        train(asked, TRAIN, VALIDATION, output_dir=folder)
    monkeypatch.undo()
    assert same(weights(whole), weights(train(asked, TRAIN, VALIDATION, output_dir=folder, resume=True)))
