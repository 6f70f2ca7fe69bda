"""The hub is asked once whether it is there, and what is kept on this machine needs no hub."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from augment.data.named_sources import find_source
from augment.errors import InputError, ModelError
from augment.models import hub
from augment.models.checkpoints import load_masked_lm
from augment.models.named_models import place_of

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave the offline mode of the tests, without a proxy and with an empty cache."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path))
    monkeypatch.setattr(hub, "_answers", {})
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_hub_that_takes_connections_is_reachable(listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listening}")
    assert hub.reachable()


def test_an_address_without_a_valid_port_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example:abc")
    with pytest.raises(InputError, match=r"'https://hub\.example:abc' of the hub or its proxy has no valid port"):
        place_of("some/model")


def test_a_hub_that_takes_none_is_told_at_once_and_in_one_line(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed}")
    start = time.perf_counter()
    for name in ("nosuch", "some/model"):
        with pytest.raises(ModelError, match=rf"There is no model '{name}' here: .* \(http://127.0.0.1:{closed}\)"):
            place_of(name)
    with pytest.raises(InputError, match=f"no such file or folder, and the hub .*{closed}.* cannot be reached"):
        find_source("nosuch")
    assert time.perf_counter() - start < hub.PATIENCE


def test_a_name_that_is_nearly_one_of_ours_is_said(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed}")
    with pytest.raises(ModelError, match="Did you mean 'mini'"):
        place_of("minni")
    with pytest.raises(InputError, match="Did you mean 'sample'"):
        find_source("sampel")


def test_the_proxy_is_asked_in_the_place_of_the_hub(
    listening: int, closed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://hub.example:{closed}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{listening}")
    assert hub.reachable()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed}")
    assert not hub.reachable()


def test_offline_mode_asks_nobody(listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listening}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert not hub.reachable()


def test_a_model_that_is_kept_opens_without_a_hub(
    bert: Path, closed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed}")
    kept = tmp_path / "hub" / "models--some--model"
    commit = "a" * 40
    shutil.copytree(bert, kept / "snapshots" / commit)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commit)
    assert place_of("some/model") == "some/model"
    checkpoint = load_masked_lm("some/model", device="cpu", dtype="float32")
    assert checkpoint.revision == commit
    assert not constants.HF_HUB_OFFLINE, "what was set for a block is set back"


def test_a_data_set_that_is_kept_is_no_error(closed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed}")
    (tmp_path / "datasets" / "some___data").mkdir(parents=True)
    assert find_source("some/data") is None
