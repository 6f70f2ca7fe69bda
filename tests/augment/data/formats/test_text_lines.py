"""Text files as tables of one column."""

from __future__ import annotations

from pathlib import Path

import pytest

from augment.data.formats.text_lines import line_batches


@pytest.mark.parametrize(("content", "rows"), [("", []), ("It is open.\n\nCome in.", ["It is open.", "", "Come in."])])
def test_a_small_file_is_one_batch_also_if_it_is_empty(tmp_path: Path, content: str, rows: list[str]):
    path = tmp_path / "pool.txt"
    path.write_text(content)
    assert [batch["text"].to_pylist() for batch in line_batches(str(path))] == [rows]
