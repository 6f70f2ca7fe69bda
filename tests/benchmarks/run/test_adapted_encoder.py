"""Encoders that learn a task's texts first: once for all seeds, to other results, through a stop."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner
from made_tasks import laid_out, made_task
from safetensors.numpy import load_file

from benchmarks import results
from benchmarks.cli.entry import main
from benchmarks.run.adapted_encoder import adapted_encoder
from benchmarks.run.cell import measure
from classifiers.pretraining import masked_lm

TASK = made_task()
LEARNS = {"learns": {"pretraining": {"epochs": 2.0, "learning_rate": 5e-3, "batch_size": 16, "save_steps": 2}}}


def weights(folder):
    return {name: tensor.tobytes() for name, tensor in load_file(folder / "model.safetensors").items()}


def test_an_encoder_is_trained_once_for_all_seeds_and_a_killed_training_goes_on(bert, tmp_path, monkeypatch):
    first, second = laid_out(TASK, str(bert), LEARNS, seeds=2)
    assert first.pretraining_key == second.pretraining_key
    whole = adapted_encoder(first, TASK, tmp_path / "whole")
    steps, step = [], masked_lm.PretrainTrainer.training_step

    def killed(self, *args, **more):
        if len(steps) == 3:
            raise KeyboardInterrupt
        steps.append(self.state.global_step)
        return step(self, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(masked_lm.PretrainTrainer, "training_step", killed)
        with pytest.raises(KeyboardInterrupt):
            adapted_encoder(first, TASK, tmp_path / "cut")
        assert not (tmp_path / "cut" / whole.name / "config.json").exists()
        steps[:] = [-1, -1]  # room for one step: the first after the last checkpoint
        with pytest.raises(KeyboardInterrupt):
            adapted_encoder(first, TASK, tmp_path / "cut")
        assert steps[2:] == [2]
    assert weights(adapted_encoder(second, TASK, tmp_path / "cut")) == weights(whole)
    monkeypatch.setattr(masked_lm, "pretrain", None)  # it can no longer be called
    assert adapted_encoder(second, TASK, tmp_path / "whole") == whole


def test_an_arm_with_an_adapted_encoder_differs_and_names_it_in_its_record(bert, tmp_path):
    none, learns = (measure(cell, TASK, tmp_path, keep=False) for cell in laid_out(TASK, str(bert), "none", LEARNS))
    assert none["best"]["validation"]["loss"] != learns["best"]["validation"]["loss"]
    assert learns["model"]["model"] == none["model"]["model"] == str(bert)
    assert learns["model"]["revision"] != none["model"]["revision"]
    assert learns["model"]["device"] == "cpu"


@pytest.mark.slow
def test_a_suite_of_such_arms_leaves_only_its_results_and_says_nothing_else(bert, tmp_path, capfd):
    suite = {
        "tasks": [{"name": "sample", "per_class": 6, "pool": "left-out"}],
        "encoders": [str(bert)],
        "heads": ["logistic-regression"],
        "arms": ["none", LEARNS, "more-real"],
        "sampling_strategy": "2x",
        "seeds": 2,
        "first_seed": 7,
    }
    file, out = tmp_path / "own.yaml", tmp_path / "out"
    file.write_text(yaml.safe_dump(suite))
    ended = CliRunner().invoke(
        main, ["run", "--suite", str(file), "--out", str(out), "--jobs", "1", "--device", "cpu", "--quiet"]
    )
    assert ended.exit_code == 0, ended.output
    done = results.read(out).done.values()
    assert sorted((record["arm"], record["seed"]) for record in done) == [
        (arm, seed) for arm in ("learns", "more-real", "none") for seed in (7, 8)
    ]
    assert len({record["model"]["revision"] for record in done if record["arm"] == "learns"}) == 1
    assert [path.name for path in out.iterdir()] == [results.FILE]
    assert capfd.readouterr() == ("", "")
