"""What follows from decisions: rejected rows are replaced, moved ones counted, and the same decisions give the same."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from augment_command import augment, cells, counts, invoke, manifest, refused, table

from augment.review import apply_decisions, open_review
from augment.run.manifest import manifest_path


def of_class(path: Path | str, label: str) -> list[int]:
    return [i for i, row in enumerate(cells(path)) if row["is_synthetic"] == "true" and row["label"] == label]


def test_rejected_rows_are_replaced_by_the_next_of_the_plan_and_the_counts_stay(balanced: Path) -> None:
    before, bad = cells(balanced), of_class(balanced, "neutral")[:3]
    with open_review(balanced, reviewer="Ada") as review:
        for row in bad:
            review.decide(row, "reject")
        review.decide(of_class(balanced, "negative")[0], "accept")
    shown = augment("apply balanced.csv -o reviewed.csv").stdout
    assert "4 decisions: 1 accepted, 3 rejected, 0 relabelled." in shown
    after = cells("reviewed.csv")
    assert counts(after) == counts(before)
    assert after[:20] == [{**row, "reviewed": "", "reviewed_from": ""} for row in before[:20]]
    assert not {before[row]["text"] for row in bad} & {row["text"] for row in after}
    assert Counter(row["reviewed"] for row in after) == {"": 26, "accepted": 1, "replacement": 3}
    new = [row for row in after if row["reviewed"] == "replacement"]
    slots = {(row["source_row"], row["variant"]) for row in before}
    assert not slots & {(row["source_row"], row["variant"]) for row in new}
    (review_record,) = manifest("reviewed.csv")["reviews"]
    assert (review_record["reject"], review_record["accept"], review_record["made"]) == (3, 1, {"neutral": 3})
    assert review_record["reviewers"] == ["Ada"]
    assert manifest("reviewed.csv")["counts_after"] == counts(after)


def test_moved_rows_take_the_place_of_unread_ones_so_that_all_classes_keep_their_numbers(balanced: Path) -> None:
    before, moved = cells(balanced), of_class(balanced, "neutral")[:2]
    with open_review(balanced) as review:
        for row in moved:
            review.decide(row, "relabel", "negative")
        review.decide(moved[0], "relabel", "positive")
    applied = apply_decisions(balanced, "reviewed.csv")
    after = cells("reviewed.csv")
    assert counts(after) == {**counts(before), "positive": counts(before)["positive"] + 1}  # it has no unread new row
    assert applied.left_out == {"negative": 1}
    assert applied.made == {"neutral": 2}
    assert [(row["text"], row["label"]) for row in after if row["reviewed_from"] == "neutral"] == [
        (before[moved[0]]["text"], "positive"),
        (before[moved[1]]["text"], "negative"),
    ]


def test_the_same_decisions_give_the_same_bytes_in_any_order_and_from_any_reviewer(balanced: Path) -> None:
    rows = of_class(balanced, "negative")
    with open_review(balanced, decisions="one.jsonl", reviewer="Ada") as review:
        review.decide(rows[0], "reject")
        review.decide(rows[1], "relabel", "neutral")
        review.decide(rows[2], "accept")
        review.decide(rows[3], "accept")
        review.undo()
    with open_review(balanced, decisions="two.jsonl") as review:
        review.decide(rows[2], "accept")
        review.decide(rows[1], "relabel", "neutral")
        review.decide(rows[0], "accept")
        review.decide(rows[0], "reject")
    augment("apply balanced.csv -o one.csv --decisions one.jsonl -q")
    augment("apply balanced.csv -o two.csv --decisions two.jsonl -q")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


def test_a_second_review_leaves_judged_rows_alone_and_never_gets_a_rejected_text_back(balanced: Path) -> None:
    rows, refused_texts, path = of_class(balanced, "neutral"), set(), "balanced.csv"
    for number in range(3):
        with open_review(path) as review:
            again = review.rows()
            judged = [i for i, row in enumerate(cells(path)) if row.get("reviewed") in ("accepted", "relabelled")]
            assert not set(judged) & set(again)
            rejected = [row for row in again if cells(path)[row]["label"] == "neutral"][:2]
            refused_texts |= {cells(path)[row]["text"] for row in rejected}
            for row in rejected:
                review.decide(row, "reject")
            if number == 0:
                review.decide(of_class(path, "negative")[0], "accept")
        augment(f"apply {path} -o round{number}.csv -q")
        path = f"round{number}.csv"
        assert counts(cells(path)) == counts(cells("balanced.csv"))
        assert not refused_texts & {row["text"] for row in cells(path)}
    assert len(rows) == len(of_class(path, "neutral"))
    assert len(manifest(path)["reviews"]) == 3


def test_a_table_of_new_rows_alone_and_of_another_format_is_replaced_from_the_input(balanced: Path) -> None:
    augment("upsample in.csv -o new.jsonl --only-synthetic --guard none -q")
    with open_review("new.jsonl") as review:
        review.decide(0, "reject")
    augment("apply new.jsonl -o reviewed.csv -q")
    assert len(cells("reviewed.csv")) == 10
    assert cells("reviewed.csv")[-1]["reviewed"] == "replacement"


def test_without_replacing_the_places_stay_empty(balanced: Path) -> None:
    row = of_class(balanced, "neutral")[0]
    with open_review(balanced) as review:
        review.decide(row, "reject")
    assert (
        "Rejected rows are left out and not replaced." in augment("apply balanced.csv -o less.csv --no-replace").stderr
    )
    assert len(cells("less.csv")) == 29
    assert manifest("less.csv")["counts_after"] == counts(cells("less.csv"))


def test_an_input_that_has_moved_is_named(balanced: Path) -> None:
    row = of_class(balanced, "neutral")[0]
    with open_review(balanced) as review:
        review.decide(row, "reject")
    shutil.move("in.csv", "there.csv")
    refused("apply balanced.csv -o reviewed.csv", "in.csv: no such file")
    augment("apply balanced.csv -o reviewed.csv --source there.csv -q")
    written = Path("there.csv").read_text().replace("Mondays", "Fridays")
    Path("there.csv").write_text(written)
    refused("apply balanced.csv -o other.csv --source there.csv", "is not the data")


def test_a_table_of_another_origin_loses_rejected_rows_and_keeps_all_columns(mail: Path) -> None:
    with open_review(mail) as review:
        review.decide(0, "reject")
        review.decide(1, "relabel", "a")
    shown = invoke("apply mail.csv -o clean.csv")
    assert "no manifest beside the table" in shown.stderr
    rows = cells("clean.csv")
    assert len(rows) == 9
    assert rows[0] == {
        "id": "1",
        "text": "Message museum 1",
        "label": "a",
        "reviewed": "relabelled",
        "reviewed_from": "b",
    }
    assert not manifest_path(Path("clean.csv")).exists()


def test_an_output_that_is_read_or_exists_is_not_replaced(mail: Path) -> None:
    refused("apply mail.csv -o clean.csv", "mail.csv.decisions.jsonl: no such file")
    with open_review(mail) as review:
        review.decide(0, "reject")
    refused("apply mail.csv -o mail.csv --overwrite", "is an input of this run")
    table("clean.csv", [{"a": "b"}])
    refused("apply mail.csv -o clean.csv", "exists already; give --overwrite")


def test_a_column_of_the_same_name_is_refused(mail: Path) -> None:
    table("own.csv", [{"text": "a", "label": "b", "reviewed": "by whom"}] * 2)
    refused("review own.csv --summary", "has a column 'reviewed' of its own")


def test_rows_that_cannot_be_made_are_told(balanced: Path) -> None:
    rare = [{"text": "It opens at nine.", "label": "rare"}, {"text": "It shuts at six.", "label": "rare"}]
    table("two.csv", [*rare, *({"text": f"text {i}", "label": "often"} for i in range(5))])
    augment("upsample two.csv -o copies.csv --strategy random -q")
    with open_review("copies.csv") as review:
        for row in review.rows():
            review.decide(row, "reject")
    assert "3 rows of class 'rare' could not be made" in augment("apply copies.csv -o reviewed.csv").stderr
    assert manifest("reviewed.csv")["missing"]["rare"]["rows"] == 3
    assert manifest("reviewed.csv")["rejected"]["review"] > 0


def test_a_source_gets_no_more_rows_than_the_run_allows(balanced: Path) -> None:
    augment("upsample in.csv -o few.csv --guard none --max-per-source 1 -q")
    with open_review("few.csv") as review:
        for row in of_class("few.csv", "neutral"):
            review.decide(row, "reject")
    augment("apply few.csv -o reviewed.csv -q")
    sources = Counter(row["source_row"] for row in cells("reviewed.csv") if row["is_synthetic"] == "true")
    assert max(sources.values()) == 1


def test_formulas_are_made_harmless_on_request(mail: Path) -> None:
    table("mail.csv", [{"text": f"=SUM({n};{n})", "label": "ab"[n % 2]} for n in range(6)])
    with open_review(mail) as review:
        review.decide(0, "reject")
    augment("apply mail.csv -o out.csv --csv-safe")
    assert [row["text"] for row in cells("out.csv")] == [f"'=SUM({n};{n})" for n in range(1, 6)]
