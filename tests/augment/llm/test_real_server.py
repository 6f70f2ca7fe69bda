"""An endpoint and a real server of another project, `transformers serve` with a tiny model, over 127.0.0.1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from augment.errors import CounterpoiseError
from augment.llm.endpoint import Endpoint
from augment.llm.local_model import LocalModel
from augment.llm.requests import Answer, Engine, Request, request_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(causal_lm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that is pinned to the tiny model."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("serve")
    run = "from transformers.cli.transformers import main; main()"
    options = ["--device", "cpu", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", run, "serve", str(causal_lm), *options],
            env=os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(600):
            assert process.poll() is None, (home / "log").read_text()[-2000:]
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                    break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.2)
        else:
            pytest.fail((home / "log").read_text()[-2000:])
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def requests_of(model: str) -> list[Request]:
    schema = {"type": "json_schema", "json_schema": {"name": "rows", "schema": {"type": "object"}}}
    return [
        request_of(
            {
                "model": model,
                "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": f"Say {i}."}],
                "max_tokens": 8,
                "temperature": 0.0,
                "seed": i,
                "response_format": schema,
            }
        )
        for i in range(12)
    ]


def ask(engine: Engine, model: str) -> dict[str, Answer]:
    kept: dict[str, Answer] = {}
    with closing(engine):
        engine.answer(requests_of(model), lambda request, answer: kept.update({request.key: answer}))
    return kept


def test_a_real_server_answers_as_the_model_does_here(server, causal_lm):
    model = str(causal_lm)
    served = ask(Endpoint(model, base_url=server, concurrency=4), model)
    assert len(served) == 12
    assert served == ask(LocalModel(model, device="cpu", dtype="float32"), model)


def test_a_real_server_and_a_wrong_model_or_address(server):
    with pytest.raises(CounterpoiseError, match=r"status 400\): Server is pinned to .*; requested 'other'\.$"):
        ask(Endpoint("other", base_url=server), "other")
    with pytest.raises(
        CounterpoiseError, match=r"is not an OpenAI-compatible endpoint: Not Found\. Give the address up"
    ):
        ask(Endpoint("other", base_url=server.removesuffix("/v1")), "other")
