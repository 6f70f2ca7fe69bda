"""The texts of a table, each read when it is accessed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from augment.data.mapped_tables import release
from augment.data.table_columns import BATCH, table_column

if TYPE_CHECKING:
    from datasets import Dataset

_READS = 32  # single texts that are read before memory is released; each may have touched three times 64 KiB


class Texts(Sequence[str | None]):
    """The texts of a table, each read when it is accessed; equal to a list of the same texts.

    Parameters
    ----------
    table : Dataset
        The table.
    column : str
        Its column of strings.
    """

    def __init__(self, table: Dataset, column: str) -> None:
        self.column = column
        self._values = table_column(table, column)
        self._reads = 0

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, index: int) -> str | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[str | None]: ...
    def __getitem__(self, index: int | slice) -> str | list[str | None] | None:
        """Return one text, or a list for a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        self._reads += 1
        if self._reads % _READS == 0:
            release()
        text: str | None = self._values[int(index)].as_py()
        return text

    def __iter__(self) -> Iterator[str | None]:
        for start in range(0, len(self), BATCH):
            yield from self._values[start : start + BATCH].to_pylist()
            release()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Texts, list)):
            return NotImplemented
        return len(self) == len(other) and all(own == text for own, text in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} texts>"


class Beside(Sequence[str]):
    """For every row of a table the texts beside the one that is read, one a line, each read when it is accessed.

    Parameters
    ----------
    table : Dataset
        The table.
    columns : sequence of str
        Columns of strings. A null is an empty text.
    """

    def __init__(self, table: Dataset, columns: Sequence[str]) -> None:
        self._texts = [Texts(table, column) for column in columns]

    def __len__(self) -> int:
        return len(self._texts[0])

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Return the texts of one row, or a list for a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return "\n".join(texts[index] or "" for texts in self._texts)

    def __iter__(self) -> Iterator[str]:
        for row in zip(*self._texts, strict=True):
            yield "\n".join(text or "" for text in row)
