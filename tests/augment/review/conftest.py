"""Tables to review: one that `augment upsample` has made, and one of another origin."""

from __future__ import annotations

from pathlib import Path

import pytest
from augment_command import augment, table

PLACES = ("shop", "museum", "station", "library", "bakery", "garden", "cinema", "harbour", "bridge", "tower")


def written(name: str) -> Path:
    """Write the input: six rare rows and fourteen others."""
    rare = [{"text": f"The {place} opens at nine on Mondays.", "label": "neutral"} for place in PLACES[:6]]
    common = [{"text": f"We loved the old {place} by the river.", "label": "positive"} for place in PLACES]
    other = [{"text": f"The new {place} was dirty and much too loud.", "label": "negative"} for place in PLACES[:4]]
    return table(name, rare + common + other)


@pytest.fixture
def balanced(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`balanced.csv` in the working folder: 20 originals and 10 new rows, four `neutral` and six `negative`."""
    monkeypatch.chdir(tmp_path)
    written("in.csv")
    augment("upsample in.csv -o balanced.csv --guard none -q")
    return Path("balanced.csv")


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`mail.csv` in the working folder: a table of another origin, of which nobody has scored the rows."""
    monkeypatch.chdir(tmp_path)
    rows = [{"id": str(i), "text": f"Message {place} {i}", "label": "ab"[i % 2]} for i, place in enumerate(PLACES)]
    return table("mail.csv", rows)
