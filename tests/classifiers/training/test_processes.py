"""Several processes train one model, as `torchrun` starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from safetensors.torch import load_file
from small_trainings import RARE, VALIDATION

from classifiers.training.history import read

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="gloo"), pytest.mark.numeric]


def launched(folder, config, *, processes=2, more="", before="pass"):
    """Train under torchrun."""
    script = folder / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from small_trainings import RARE, VALIDATION, Stop
        from classifiers import TrainConfig, train

        if __name__ == "__main__":
            {before}
            config = TrainConfig(**{config!r})
            train(config, RARE, VALIDATION, output_dir={str(folder / "model")!r}, log=print{more})
        """)
    )
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
        script,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture
def config(bert):
    return {
        "encoder": str(bert),
        "learning_rate": 3e-3,
        "epochs": 3.0,
        "batch_size": 16,
        "device": "cpu",
        "dtype": "float32",
        "augmentation": {"mode": "redraw", "strategy": "nlpaug:random_word", "guards": ["none"], "variants": None},
    }


def test_two_processes_train_one_model_and_write_once(config, tmp_path):
    """With sets made in turn. The slow tests have them made by processes in the background."""
    done = launched(tmp_path, config | {"augmentation": config["augmentation"] | {"variants": 2}})
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("step 6 (epoch 1)") == 1  # 192 rows in 12 batches, of which each process takes half
    records = read(tmp_path / "model" / "history.jsonl")
    assert [record["step"] for record in records] == [6, 12, 18]
    assert all(record["train"]["rows"] == len(RARE[0]) for record in records)
    assert all(record["validation"]["rows"] == len(VALIDATION[0]) for record in records)
    assert json.loads((tmp_path / "model" / "training.json").read_text())["rows"]["made"][0]["made"] == {"neutral": 72}


@pytest.mark.slow
def test_a_training_of_two_processes_that_was_stopped_is_resumed_to_the_same_weights(config, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    done = launched(whole, config)
    assert done.returncode == 0, done.stderr[-3000:]
    made_before = {
        **config,
        "augmentation": {**config["augmentation"], "variants": 3},
    }  # the same rows
    stopped = launched(cut, made_before, more=", callbacks=[Stop(8)]")
    assert stopped.returncode != 0
    resumed = launched(cut, made_before, more=", resume=True")
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    assert read(cut / "model" / "history.jsonl") == read(whole / "model" / "history.jsonl")
    one, other = (load_file(folder / "model" / "model.safetensors") for folder in (whole, cut))
    assert all((one[name] == other[name]).all() for name in one)


@pytest.mark.slow
def test_a_training_of_two_processes_that_could_not_be_saved_is_resumed(config, tmp_path):
    full = "import classifiers.training.run as t; t.output_folder.save = lambda *args: 1 / 0"
    stopped = launched(tmp_path, config, before=full)
    assert stopped.returncode != 0
    assert "ZeroDivisionError" in stopped.stderr
    assert not (tmp_path / "model" / "training.json").exists()
    resumed = launched(tmp_path, config, more=", resume=True")
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    records = read(tmp_path / "model" / "history.jsonl")
    assert [record["step"] for record in records] == [6, 12, 18]
    assert json.loads((tmp_path / "model" / "training.json").read_text())["last"] == records[-1]
