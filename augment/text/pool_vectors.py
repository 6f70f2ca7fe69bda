"""`PoolVectors`: the vectors of unlabelled texts, kept in a folder for other runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from augment.files import held, replacing
from augment.identity import digest
from augment.text.unlabelled_pool import UnlabelledPool

if TYPE_CHECKING:
    from augment.models.encoder import TextEncoder


BLOCK = 4096
"""Texts that are encoded together and written at once."""
_MEND = "choose another `cache_dir`"

_log = logging.getLogger(__name__)


class PoolVectors:
    """Encodes the texts of a pool, or reads their vectors if an earlier run has kept them.

    Parameters
    ----------
    pool : UnlabelledPool
    encoder : TextEncoder
    folder : str, optional
        Where the vectors of all texts of the pool are kept, in a file of float32, (rows, d), whose name is a hash of
        the texts and of the encoder. None keeps nothing, and encodes only the texts that are asked for.
    """

    def __init__(self, pool: UnlabelledPool, encoder: TextEncoder, folder: str | None = None) -> None:
        self.pool = pool
        self.encoder = encoder
        self.file: Path | None = None
        if folder is not None:
            identity = [*pool.identity().values(), *encoder.parameters().items(), *encoder.identity().items()]
            self.file = Path(folder) / f"{digest([*map(str, identity)]).removeprefix('sha256:')}.npy"

    def blocks(
        self, rows: np.ndarray, size: int, progress: Callable[[int], None] | None = None
    ) -> Iterator[tuple[list[str], np.ndarray]]:
        """Yield texts and their vectors, a number of rows at a time.

        Parameters
        ----------
        rows : ndarray of int64, shape (n,)
            Rows of the pool, ascending.
        size : int
        progress : callable, optional
            Called repeatedly with the number of rows that have just been encoded or read; the numbers add up to n.

        Yields
        ------
        texts : list of str
        vectors : ndarray of float32, shape (up to size, d)

        Raises
        ------
        OutputError
            If the vectors cannot be kept.
        """
        left = len(rows)

        def advance(done: int) -> None:
            nonlocal left
            done = min(done, left)
            left -= done
            if progress is not None and done:
                progress(done)

        kept = None if self.file is None else self._kept(self.file, advance)
        for start, texts in zip(range(0, len(rows), size), self.pool.parts(rows, size), strict=True):
            if kept is None:
                yield texts, self.encoder.encode(texts, progress=advance)
                continue
            advance(len(texts))
            yield texts, np.array(kept[rows[start : start + size]])

    def _kept(self, file: Path, advance: Callable[[int], None]) -> np.ndarray:
        """Return the vectors in the file, which is written first if it is not there."""
        if not file.is_file():
            waits = f"Another run encodes the texts of {self.pool.name}: waiting for it."
            with held(file, lambda: _log.warning(waits), mend=_MEND):
                if not file.is_file():
                    self._write(file, advance)
        vectors: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
        return vectors

    def _write(self, file: Path, advance: Callable[[int], None]) -> None:
        """Encode all texts of the pool into the file."""
        width = self.encoder.prepare().model.config.hidden_size
        every = np.arange(len(self.pool.texts), dtype=np.int64)
        with replacing(file, mend=_MEND) as staged:
            written = np.lib.format.open_memmap(staged, "w+", np.float32, (len(every), width))
            for start, texts in zip(range(0, len(every), BLOCK), self.pool.parts(every, BLOCK), strict=True):
                written[start : start + len(texts)] = self.encoder.encode(texts, progress=advance)
            written.flush()
