"""Classes with too few rows for their neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from augment.errors import counted

SmallClass = Literal["raise", "lower", "duplicate"]
"""What becomes of a class without enough rows: an error, fewer neighbours, or copies of its rows."""


class NeedsNeighbors:
    """A part of samplers that need more rows of a class than it has neighbours to search."""

    k_neighbors: int
    small_class: SmallClass

    @property
    def fewest_rows(self) -> int:
        """One more than `k_neighbors`; fewer if `small_class` lowers it, or copies the rows."""
        return {"raise": self.k_neighbors + 1, "lower": 2, "duplicate": 1}[self.small_class]

    @property
    def fewest_rows_advice(self) -> str:
        """How to lower that number, if `small_class` does not."""
        return "lower k_neighbors, or give small_class 'lower' or 'duplicate'" if self.small_class == "raise" else ""

    def _too_few(self, sizes: Mapping[Any, int]) -> str:
        """Say in one line that classes have too few different rows, and the mend."""
        have = [counted(n, "different row") for n in sizes.values()]
        if len(sizes) == 1:
            which = f"class {next(iter(sizes))!r}, which has {have[0]}"
        else:
            which = f"classes {', '.join(f'{label!r} ({n})' for label, n in zip(sizes, have, strict=True))}"
        mends = []
        if self.small_class == "raise" and max(sizes.values()) > 1:
            mends.append("Lower it, or give small_class='lower' or 'duplicate'.")
        if min(sizes.values()) < 2:
            mends.append(
                f"Leave {'the class' if len(sizes) == 1 else 'classes of 1 row'} out, or give small_class='duplicate'."
            )
        return (
            f"`k_neighbors` of {type(self).__name__} must be smaller than the {which}. Got {self.k_neighbors}."
            f" {' '.join(mends)}"
        )
