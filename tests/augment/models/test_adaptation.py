"""A masked LM learns from texts: the loss falls, nothing but texts, epochs and seed counts, and it is done once."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from augment_command import files_up_to
from safetensors.torch import load_file
from small_pretrainings import generator_states

from augment.errors import ModelError, OutputError
from augment.files import lock
from augment.models import adaptation
from augment.models.adaptation import adapt
from augment.models.adapted_weights import Lesson, adapted, load_adapted
from augment.models.checkpoints import load_masked_lm

pytestmark = pytest.mark.numeric


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "counterpoise" / "adapted"


@pytest.fixture
def lesson(sentences):
    return Lesson(sentences, [0] * len(sentences))


def opened(folder, dtype="float32"):
    return load_masked_lm(str(folder), device="cpu", dtype=dtype)


def learnt(folder, lesson, *, epochs=2, seed=0, dtype="float32"):
    """The weights after training."""
    checkpoint = opened(folder, dtype)
    adapt(checkpoint, lesson, epochs=epochs, seed=seed)
    return dict(checkpoint.model.named_parameters())


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_texts_that_were_left_out_become_likelier(folder, lesson):
    before = generator_states()
    said, done = [], []
    checkpoint = opened(folder)
    record = adapt(checkpoint, lesson, epochs=8, seed=0, log=said.append, progress=lambda *call: done.append(call))
    assert record["loss_after"] < record["loss_before"] - 0.3
    assert (record["texts"], record["left_out"], record["epochs"], record["steps"]) == (36, 4, 8, 8)
    assert done == [(0, 8, "steps"), *[(1, 8, "steps")] * 8]
    (line,) = said
    assert "36 texts, 8 epochs: about " in line
    assert not checkpoint.model.training
    assert generator_states() == before


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_number_of_threads_changes_no_bit_and_the_seed_changes_the_weights(bert, lesson, dtype):
    threads, made = torch.get_num_threads(), []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            made.append(learnt(bert, lesson, dtype=dtype))
    finally:
        torch.set_num_threads(threads)
    assert equal(*made)
    assert not equal(made[0], learnt(bert, lesson, seed=1, dtype=dtype))


def test_of_a_single_text_none_is_left_out(bert):
    record = adapt(opened(bert), Lesson(["A good film."], [0]), epochs=1, seed=0)
    assert (record["texts"], record["left_out"], record["loss_before"], record["loss_after"]) == (1, 0, None, None)


# The cache


def test_the_same_training_is_done_once_and_other_texts_are_another(bert, lesson, cache, monkeypatch):
    first = adapted(opened(bert), lesson, epochs=1, seed=0)
    model = opened(bert)
    load_adapted(model, first.path)
    trained = learnt(bert, lesson, epochs=1)
    assert all(torch.equal(own, trained[name].half().float()) for name, own in model.model.named_parameters())

    monkeypatch.setattr(adaptation, "adapt", lambda *args, **kwargs: pytest.fail("trained again"))
    said = []
    assert adapted(opened(bert), lesson, epochs=1, seed=0, log=said.append) == first
    assert first.path in said[0]
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parents[1]))

    texts = [*lesson.texts[:-1], "Another one."]
    others = [
        adapted(opened(bert), Lesson(texts, lesson.starts), epochs=1, seed=0),
        adapted(opened(bert), lesson, epochs=1, seed=1),
        adapted(opened(bert), lesson, epochs=2, seed=0),
    ]
    assert len({first.path, *(other.path for other in others)}) == 4
    assert len({first.record["weights"], *(other.record["weights"] for other in others)}) == 4
    assert {path.suffix for path in cache.iterdir()} == {".safetensors", ".lock"}


def test_what_is_left_by_a_killed_training_is_cleared_and_a_broken_file_is_made_anew(bert, lesson, cache):
    def stop(done, total, what):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapted(opened(bert), lesson, epochs=1, seed=0, progress=stop)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
    name = next(cache.iterdir()).with_suffix(".safetensors").name
    (cache / f".{name}.0123abcd.tmp").write_bytes(b"half")
    (cache / name).write_bytes(b"broken")
    with pytest.raises(ModelError, match="Delete the file"):
        load_adapted(opened(bert), str(cache / name))
    made = adapted(opened(bert), lesson, epochs=1, seed=0)
    assert sorted(path.name for path in cache.iterdir()) == sorted([name, name.replace("safetensors", "lock")])
    assert load_file(made.path)


def test_a_second_run_waits_for_the_first(bert, lesson, cache):
    made = adapted(opened(bert), lesson, epochs=1, seed=0)
    name = next(cache.glob("*.safetensors"))
    moved = name.rename(cache / "moved")
    said, results = [], []
    with open(name.with_suffix(".lock"), "ab") as file:
        assert lock(file, name, "")
        thread = threading.Thread(
            target=lambda: results.append(adapted(opened(bert), lesson, epochs=1, seed=0, log=said.append))
        )
        thread.start()
        while not said:
            time.sleep(0.01)
        moved.rename(name)
    thread.join()
    assert results == [made]
    assert "waiting" in said[0]


def test_a_cache_that_cannot_be_written_is_one_line_and_leaves_nothing(bert, lesson, cache, tmp_path, monkeypatch):
    with files_up_to(1000), pytest.raises(OutputError) as full:
        adapted(opened(bert), lesson, epochs=1, seed=0)
    assert not [path for path in cache.iterdir() if path.suffix != ".lock"]
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(adaptation, "adapt", lambda *args, **kwargs: pytest.fail("trained in vain"))
    with pytest.raises(OutputError) as no_folder:
        adapted(opened(bert), lesson, epochs=1, seed=0)
    for caught in (full, no_folder):
        assert "XDG_CACHE_HOME" in str(caught.value)
        assert "\n" not in str(caught.value)
