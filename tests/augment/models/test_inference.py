"""Batches give the same bits on any number of cores, and what was set before is set again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
import torch

from augment.models.checkpoints import load_encoder
from augment.models.inference import Inference

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def checkpoint(bert):
    return load_encoder(str(bert), device="cpu", dtype="float32")


@pytest.fixture(params=[1, 4])
def threads(request):
    """A number of torch's threads, which is that of batches at a time; the old one is put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_batches(checkpoint, threads):
    done = threading.Event()

    def work(number):
        if number == 0 and threads > 1:
            assert done.wait(20), "the others do not wait for the first"
        if number == 3:
            done.set()
        return number

    assert list(Inference(checkpoint).map(work, range(4))) == [0, 1, 2, 3]
    assert list(Inference(checkpoint).map(work, [])) == []


def test_another_device_is_prepared_for_while_a_result_is_waited_for(checkpoint):
    """As on a GPU; the model itself stays where it is, since it is not asked."""
    second = threading.Event()

    def work(number):
        if number == 0:
            assert second.wait(20), "the second batch does not wait for the first"
        if number == 1:
            second.set()
        return number

    elsewhere = Inference(replace(checkpoint, device=torch.device("meta"), dtype=torch.float32))
    assert list(elsewhere.map(work, range(5))) == [0, 1, 2, 3, 4]
    assert elsewhere.checkpoint.identity()["slab"] == "4096"
    assert "slab" not in checkpoint.identity()


def test_work_runs_without_gradients_in_slabs_and_each_product_on_one_thread(checkpoint, threads):
    def work(number):
        slabs = [type(mode).__name__ for mode in torch.overrides._get_current_function_mode_stack()]
        return torch.is_inference_mode_enabled(), slabs, torch.get_num_threads()

    assert list(Inference(checkpoint).map(work, range(6))) == [(True, ["FixedSlabs"], 1)] * 6
    assert torch.get_num_threads() == threads
    assert not torch.is_inference_mode_enabled()
    assert torch.overrides._get_current_function_mode() is None


def test_an_error_in_a_batch_comes_out_and_the_threads_are_set_back(checkpoint, threads):
    def work(number):
        if number == 2:
            raise RuntimeError("batch 2")
        return number

    seen = []
    with pytest.raises(RuntimeError, match="batch 2"):
        seen.extend(Inference(checkpoint).map(work, range(50)))
    assert torch.get_num_threads() == threads
    assert torch.overrides._get_current_function_mode() is None


def test_a_reader_that_stops_early_has_the_threads_set_back(checkpoint, threads):
    results = Inference(checkpoint).map(lambda number: number, range(9))
    assert next(results) == 0
    results.close()
    assert torch.get_num_threads() == threads


def test_autocast_reaches_every_thread(bert, threads):
    opened = load_encoder(str(bert), device="cpu", dtype="bfloat16")
    layer, rows = torch.nn.Linear(8, 3), torch.ones(2, 8)
    assert list(Inference(opened).map(lambda _: layer(rows).dtype, range(5))) == [torch.bfloat16] * 5


CODE = """
import hashlib, sys
threads, batch = map(int, sys.argv[2:])
import torch
if threads:
    torch.set_num_threads(threads)
else:
    threads = torch.get_num_threads()
from augment.models.encoder import TextEncoder
from augment.models.masked_lm import MaskedLM
from augment.models.checkpoints import load_masked_lm
texts = [f"The {'old ' * (n % 23)}shop number {n} opens at nine." for n in range(150)]
digest = hashlib.sha256()
for dtype in ("float32", "bfloat16", *["int8"] * torch.cpu._is_vnni_supported()):
    digest.update(TextEncoder(model=sys.argv[1], device="cpu", dtype=dtype, batch_size=batch).encode(texts).tobytes())
    engine = MaskedLM(load_masked_lm(sys.argv[1], device="cpu", dtype=dtype), batch)
    rows = [(tokens.ids, [1]) for tokens in engine.pieces.tokenize(texts)]
    for _, ids, logits in sorted(engine.likeliest(rows, 9), key=lambda found: found[0]):
        digest.update(ids.tobytes() + logits.tobytes())
assert torch.get_num_threads() == threads
print(digest.hexdigest())
"""


def digest(model, threads, batch, **environment):
    done = subprocess.run(
        [sys.executable, "-c", CODE, model, str(threads), str(batch)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_number_of_threads_and_rows_changes_no_bit(bert, one_and_two_threads, monkeypatch, capsys):
    for threads, batch in zip(one_and_two_threads, ("64", "7"), strict=True):
        monkeypatch.setattr(sys, "argv", ["-c", str(bert), str(threads), batch])
        exec(CODE, {})
    one, other = capsys.readouterr().out.split()
    assert one == other


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mini", "deberta", "roberta"])
def test_the_number_of_threads_and_rows_changes_no_bit_of_any_model(tiny, model):
    """Also without a word about threads in the environment, and on whatever cores there are."""
    name = model if model == "mini" else str(tiny(model))
    found = {digest(name, *each) for each in [(1, 64), (1, 1), (4, 7), (8, 150), (0, 33)]}
    found |= {digest(name, 0, 64, OMP_NUM_THREADS=count) for count in ("", "2")}
    assert len(found) == 1
