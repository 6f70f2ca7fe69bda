"""A review: the order of its rows, what a filter leaves, what the rows that were read say about the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from augment_command import augment, cells, table

from augment.errors import InputError
from augment.review import Filter, expected, open_review
from augment.review.session import Stale


def test_only_new_rows_are_reviewed_beside_their_sources_with_the_changes_marked(balanced: Path) -> None:
    with open_review(balanced) as review:
        numbers = sorted(review.rows())
        assert numbers == list(range(20, 30))
        shown = review.row(20, Filter())
    new = cells(balanced)
    assert "".join(text for text, _ in shown["text"]) == new[20]["text"]
    assert "".join(text for text, _ in shown["source"]) == new[int(new[20]["source_row"])]["text"]
    (changed,) = [text for text, is_changed in shown["text"] if is_changed]
    assert changed.startswith("zu")


def test_the_most_doubtful_rows_come_first_by_the_scores_of_the_guards(balanced: Path) -> None:
    rows = cells(balanced)
    for i, row in enumerate(rows):
        row["fluency"] = "" if i < 20 else str((i * 7) % 10 / 10)
    table("balanced.csv", rows)
    with open_review(balanced) as review:
        scores = [review.row(row, Filter())["scores"]["fluency"] for row in review.rows()]
        assert scores == sorted(scores)
        low = Filter(score="fluency", at_most=0.3)
        assert {review.row(row, low)["scores"]["fluency"] for row in review.rows(low)} == {0.0, 0.1, 0.2, 0.3}
        assert review.rows(Filter(order="file")) == list(range(20, 30))


def test_the_probabilities_of_the_agreement_guard_are_the_teachers(site: Path, balanced: Path) -> None:
    augment(
        "upsample in.csv -o probable.csv -q --guard agreement:soft_labels=true,model=words,least=0.001 --guard none"
    )
    with open_review("probable.csv") as review:
        assert review.table.notes == ["The teacher is that of the guard 'agreement'."]
        shown = review.row(20, Filter())
        probabilities = dict(shown["probabilities"])
        assert list(probabilities.values()) == sorted(probabilities.values(), reverse=True)
        assert shown["scores"]["teacher"] == pytest.approx(probabilities[shown["label"]], abs=1e-4)


def test_a_table_without_scores_comes_in_the_order_of_the_file_and_says_so(mail: Path) -> None:
    with open_review(mail) as review:
        assert review.rows() == list(range(10))
        assert review.table.notes[-1] == "No row has a score, so rows come in the order of the file."
        shown = review.row(4, Filter())
        assert shown["source"] is None
        assert shown["others"] == {"id": "4"}
        assert review.rows(Filter(label="b", search="MUSEUM")) == [1]


def test_unknown_names_in_a_filter_are_refused(mail: Path) -> None:
    with open_review(mail) as review:
        for chosen in (Filter(label="c"), Filter(strategy="x"), Filter(score="y", at_most=1), Filter(order="z")):
            with pytest.raises(InputError, match="There is no"):
                review.rows(chosen)


def test_the_next_row_is_the_next_unread_one_and_comes_round(mail: Path) -> None:
    with open_review(mail) as review:
        review.decide(1, "accept")
        assert review.after(0, Filter()) == 2
        assert review.after(9, Filter()) == 0
        for row in range(10):
            review.decide(row, "accept")
        assert review.after(3, Filter()) is None
        assert review.page(Filter(), state="unread")["total"] == 0
        assert review.page(Filter(), state="accept", offset=8)["rows"][0]["row"] == 8


def test_to_relabel_a_row_with_its_own_class_is_to_accept_it(mail: Path) -> None:
    with open_review(mail) as review:
        assert review.decide(0, "relabel", "a").verdict == "accept"
        assert review.decide(0, "relabel", "b").label == "b"
        with pytest.raises(InputError, match="There is no class 'c'; the classes are a, b"):
            review.decide(0, "relabel", "c")


def test_a_stale_page_is_told_and_decides_nothing(mail: Path) -> None:
    with open_review(mail) as review:
        seen = review.state()["version"]
        review.decide(0, "reject", seen=seen)
        with pytest.raises(Stale, match="Another page has rejected this row"):
            review.decide(0, "accept", seen=seen)
        review.decide(1, "accept", seen=seen)  # of another row the page has seen all there is
        with pytest.raises(Stale):
            review.undo(seen=seen)
        assert review.tally()[1:] == (1, 1, 0)


def test_a_sample_is_random_and_the_same_again_and_judges_all_others(balanced: Path) -> None:
    with open_review(balanced, sample=4, seed=3) as review:
        rows = review.rows()
        assert len(set(rows)) == 4
        assert "4 rows will tell the share of good rows among all 10" in review.outlook()
        for row in rows[:3]:
            review.decide(row, "accept")
        review.decide(rows[3], "reject")
        mean, low, high = expected(3, 4, 6)
        assert f"{mean:.0%}".replace("%", " %") in review.outlook()
        assert f"{100 * low:.0f} to {100 * high:.0f}" in review.outlook()
    with open_review(balanced, sample=5, seed=3) as again:
        assert again.rows()[:4] == rows
        assert again.tally().read == 4


def test_the_interval_holds_the_share_of_the_others_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        good = rng.random(500) < 0.8
        _, low, high = expected(int(good[:40].sum()), 40, 460)
        held += low <= good[40:].mean() <= high
    assert 0.92 <= held / 400 <= 0.99


def test_texts_of_any_length_and_script_are_shown_whole(tmp_path: Path) -> None:
    texts = ["word " * 30_000, "שלום עולם", "<script>alert(1)</script>"]
    path = table(str(tmp_path / "odd.csv"), [{"text": text, "label": "ab"[i % 2]} for i, text in enumerate(texts)])
    with open_review(path) as review:
        for row, text in enumerate(texts):
            assert "".join(piece for piece, _ in review.row(row, Filter())["text"]) == text
        assert len(review.page(Filter())["rows"][0]["text"]) <= 160
