"""`augment inspect`: what stands in a file, and what it suggests."""

from __future__ import annotations

import re

import pytest
from augment_command import NEUTRAL, ROWS, augment, cells, counts, table

pytestmark = pytest.mark.usefixtures("place")


def test_inspect_shows_what_stands_in_a_file():
    table("in.csv", [*ROWS, {"id": "x", "text": NEUTRAL[0].upper(), "label": "positive"}, ROWS[2] | {"text": ""}])
    result = augment("inspect in.csv")
    assert re.search(r"neutral +4 +26\.7%", result.stdout)
    assert re.search(r"positive +11 +73\.3%", result.stdout)
    said = result.stdout.splitlines()
    assert "15 rows, 0 of them synthetic." in said
    assert "in.csv: 1 of 15 rows have no text. They are kept, and nothing is made from them." in said
    assert any(line.startswith("1 repeat an earlier text") and "; 1 texts stand under" in line for line in said)
    assert any(line.startswith("Words per text: ") and line.endswith(" at 100%.") for line in said)
    assert any(line.startswith("Suggested: --sampling-strategy neutral=8 ") for line in said)
    assert result.stderr == ""


def test_what_inspect_suggests_works_as_it_stands():
    suggested = re.search(r"Suggested: (--sampling-strategy \S+)", augment("inspect in.csv").stdout)[1]
    augment(f"upsample in.csv -o out.csv {suggested}")
    assert counts(cells("out.csv")) == {"neutral": 8, "positive": 9}


def test_inspect_counts_synthetic_rows_and_says_when_nothing_is_needed():
    augment("upsample in.csv -o out.csv")
    result = augment("inspect out.csv")
    assert "18 rows, 5 of them synthetic" in result.stdout
    assert "no upsampling is needed" in result.stdout
