"""Markdown that is written from data keeps texts as texts."""

from __future__ import annotations

from augment.markdown import table_lines


def test_markup_in_names_is_text_in_markdown() -> None:
    hostile = "<script>x</script> [a](javascript:b) ![i](u) `c` d|e &lt;\n# f"
    _, _, row, _ = table_lines(["name"], [[hostile]])
    assert row == "| &lt;script>x&lt;/script> [a\\](javascript:b) ![i\\](u) \\`c\\` d\\|e &amp;lt; # f |"
    assert table_lines(["AT&T, p < .05, food_drink"], [])[0] == "| AT&T, p < .05, food_drink |"
