"""Vectors of a pool that are kept: the same rows, encoded once, and nothing half-written is ever read or left."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from augment_command import lines

from augment import Retrieve
from augment.errors import OutputError
from augment.files import held
from augment.models.encoder import TextEncoder

FEW = ["The shop opens at nine.", "The bus stops at the school.", "The museum is closed on Monday."]
MANY = [f"{what} was great!" for what in ("The food", "This film", "Our hotel", "The lake", "That song", "It")]
FRAMES = ("My uncle wrote: {}", "{}, as far as I know", "They told us: {}", "{} So the paper says.")
POOL = [frame.format(text) for text in (*FEW, *MANY) for frame in FRAMES]


@pytest.fixture
def pool(tmp_path) -> str:
    return str(lines(str(tmp_path / "pool.txt"), *POOL))


@pytest.fixture
def encoded(monkeypatch) -> list[str]:
    """The texts of the pool that an encoder has been given so far."""
    seen: list[str] = []
    encode = TextEncoder.encode

    def watched(self, texts, **more):
        seen.extend(text for text in texts if text in POOL)
        return encode(self, texts, **more)

    monkeypatch.setattr(TextEncoder, "encode", watched)
    return seen


def rows(pool: str, encoder: Path, folder: Path | None) -> list[str]:
    strategy = Retrieve(
        pool=pool,
        encoder=str(encoder),
        cache_dir=None if folder is None else str(folder),
        sampling_strategy={"few": "+3"},
        device="cpu",
        guards=["none"],
        random_state=0,
    )
    texts, labels = strategy.fit_resample([*FEW, *MANY], ["few"] * len(FEW) + ["many"] * len(MANY))
    assert labels.count("few") > len(FEW)
    return texts


def test_the_rows_are_the_same_and_the_pool_is_encoded_once_for_each_encoder_and_content(
    pool, bert, tiny, tmp_path, encoded
):
    folder = tmp_path / "kept"
    plain = rows(pool, bert, None)
    encoded.clear()
    assert rows(pool, bert, folder) == plain
    assert encoded == POOL
    (file,) = folder.glob("*.npy")
    width = TextEncoder(model=str(bert), device="cpu").encode(["one"]).shape[1]
    assert np.load(file).shape == (len(POOL), width)
    encoded.clear()
    assert rows(pool, bert, folder) == plain
    assert encoded == []
    rows(pool, tiny("roberta"), folder)
    assert encoded == POOL
    lines(pool, *POOL[:-1])
    rows(pool, bert, folder)
    assert len(list(folder.glob("*.npy"))) == 3


def test_a_folder_that_cannot_be_written_is_one_line(pool, bert, tmp_path):
    folder = Path(lines(str(tmp_path / "taken"), "a file"))
    with pytest.raises(OutputError, match=r"taken: cannot be written \(.*\); choose another `cache_dir`\."):
        rows(pool, bert, folder)


def test_an_error_leaves_no_vectors_and_what_a_killed_run_left_is_removed(pool, bert, tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    encode = TextEncoder.encode

    def broken(self, texts, **more):
        if list(texts) == POOL:
            raise RuntimeError("broken")
        return encode(self, texts, **more)

    with monkeypatch.context() as patch:
        patch.setattr(TextEncoder, "encode", broken)
        with pytest.raises(RuntimeError):
            rows(pool, bert, folder)
    (lock,) = folder.iterdir()
    assert lock.suffix == ".lock"
    half = folder / f".{lock.stem}.npy.0123abcd.tmp"
    half.write_bytes(b"half")
    assert rows(pool, bert, folder) == rows(pool, bert, None)
    assert not half.exists()


def test_a_second_run_at_once_waits_for_the_vectors_of_the_first(pool, bert, tmp_path, encoded, caplog):
    folder, made = tmp_path / "kept", []
    plain = rows(pool, bert, folder)
    (file,) = folder.glob("*.npy")
    content = file.read_bytes()
    file.unlink()
    encoded.clear()
    second = threading.Thread(target=lambda: made.append(rows(pool, bert, folder)))
    with held(file, lambda: None, mend=""):
        second.start()
        deadline = time.monotonic() + 60
        while "waiting for it" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.05)
        file.write_bytes(content)
    second.join(60)
    assert f"Another run encodes the texts of {pool}: waiting for it." in caplog.text
    assert made == [plain]
    assert encoded == []
