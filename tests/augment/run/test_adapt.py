"""A run whose model first learns from the rows of the input: the same bytes however it is run, recorded, repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from augment_command import augment, cells, invoke, manifest, refused, table

from augment import FillMask, Sequential, upsample
from augment.errors import InputError
from augment.models import adapted_weights
from augment.run import text_run

pytestmark = pytest.mark.numeric
ADAPT = "--strategy fillmask --param adapt=3 --device cpu --dtype float32"


@pytest.fixture
def place(tmp_path, monkeypatch, sentences):
    """The working folder, with `in.csv` of 30 rows and `held.csv` in it, and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rows = [{"text": text, "label": "few" if i < 8 else "many"} for i, text in enumerate(sentences[:30])]
    table("in.csv", rows)
    table("held.csv", [{"text": text, "label": "few"} for text in sentences[6:10]])
    return tmp_path


@pytest.fixture
def lessons(monkeypatch):
    """The texts that were learnt from, call by call."""
    seen, own = [], adapted_weights.adapted

    def watched(checkpoint, lesson, **more):
        seen.append(lesson)
        return own(checkpoint, lesson, **more)

    monkeypatch.setattr("augment.text.lessons.adapted", watched)
    return seen


def once_only(monkeypatch):
    monkeypatch.setattr("augment.models.adaptation.adapt", lambda *args, **kwargs: pytest.fail("trained again"))


def test_the_rows_are_the_same_in_any_batches_and_by_workers_and_a_config_repeats_them(place, bert, monkeypatch):
    result = augment(f"upsample in.csv -o one.csv --model {bert} {ADAPT}")
    assert "The model learns from 30 texts" not in result.output
    assert "first learns from 27 texts, 3 epochs: about" in result.stderr
    (record,) = manifest("one.csv")["learnt"]
    assert record["loss_after"] < record["loss_before"]
    assert (record["texts"], record["left_out"], record["epochs"], record["steps"]) == (27, 3, 3, 3)
    assert record["weights"].startswith("sha256:")
    assert record["seconds"] > 0

    once_only(monkeypatch)
    augment(f"upsample in.csv -o batches.csv --model {bert} {ADAPT} --batch-size 3")
    augment(f"upsample in.csv -o workers.csv --model {bert} {ADAPT} --workers 2")
    assert invoke("upsample -o repeated.csv --config one.csv.manifest.json").exit_code == 0
    whole = Path("one.csv").read_bytes()
    assert [Path(f"{name}.csv").read_bytes() for name in ("batches", "workers", "repeated")] == [whole] * 3
    assert manifest("workers.csv")["learnt"] == [record]
    monkeypatch.undo()

    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "other"))
    augment(f"upsample in.csv -o anew.csv --model {bert} {ADAPT}")
    assert Path("anew.csv").read_bytes() == whole
    augment(f"upsample in.csv -o plain.csv --model {bert} --strategy fillmask --device cpu --dtype float32")
    assert Path("plain.csv").read_bytes() != whole
    assert manifest("plain.csv")["learnt"] == []


def test_held_out_rows_are_not_learnt_from_and_other_texts_are(place, bert, lessons, sentences):
    pool = ["The bus was late.", "The shop, he said, was closed.", sentences[7]]
    table("pool.csv", [{"note": text} for text in pool])
    augment(f"upsample in.csv -o out.csv --model {bert} {ADAPT} --against held.csv --adapt-on pool.csv:column=note")
    (lesson,) = lessons
    assert [text for text in lesson.texts if text in sentences[6:10]] == []
    assert len(lesson.texts) == 26 + 2
    assert lesson.texts[-2:] == pool[:2]
    table("pool.csv", [{"note": "Another text."}])
    result = invoke("upsample -o again.csv --config out.csv.manifest.json --strategy fillmask")
    assert result.exit_code == 2
    assert "pool was" in result.stderr


def test_a_run_that_was_stopped_goes_on_with_the_weights_that_it_had(place, bert, monkeypatch):
    monkeypatch.setattr("augment.generation.loop.CHUNK", 8)
    call = f"upsample in.csv -o out.csv --model {bert} {ADAPT}"
    augment(call)
    whole = Path("out.csv").read_bytes()
    for path in (Path("out.csv"), Path("out.csv.manifest.json")):
        path.unlink()
    once_only(monkeypatch)

    def stopped(*args, **kwargs):
        for number, outcome in enumerate(own(*args, **kwargs)):
            if number:
                raise KeyboardInterrupt
            yield outcome

    own = text_run.generate
    monkeypatch.setattr(text_run, "generate", stopped)
    assert "resume" in invoke(call).output
    monkeypatch.setattr(text_run, "generate", own)
    augment(f"{call} --resume")
    assert Path("out.csv").read_bytes() == whole


def test_the_flag_takes_as_many_epochs_as_few_texts_need(place, bert):
    result = augment(f"upsample in.csv -o out.csv --strategy fillmask --model {bert} --device cpu --adapt")
    assert "27 texts, 10 epochs: about" in result.stderr
    assert manifest("out.csv")["strategy"]["parameters"]["adapt"] is True


def test_labels_are_learnt_with_their_texts(place, bert, lessons, recwarn):
    augment(f"upsample in.csv -o out.csv --model {bert} {ADAPT} --param condition=prefix")
    assert lessons[0].texts[0].startswith("few: ")
    assert set(lessons[0].starts) == {len("few: "), len("many: ")}
    assert not [warning for warning in recwarn if "not trained with labels" in str(warning.message)]


def test_parts_of_a_composition_learn(place, bert, lessons):
    rows = cells("in.csv")
    part = FillMask(model=str(bert), adapt=1, device="cpu", dtype="float32")
    data = [row["text"] for row in rows], [row["label"] for row in rows]
    _, record = upsample(data, strategy=Sequential(steps=[part]), guards=["none"], workers=2)
    assert len(record.learnt) == len(lessons) == 1


def test_what_cannot_be_is_one_line(place, bert, monkeypatch):
    call = f"upsample in.csv -o out.csv --model {bert} --device cpu"
    refused(
        f"{call} --strategy fillmask --adapt-on pool.csv", "--adapt-on of FillMask must be None where --adapt is False"
    )
    refused(f"{call} {ADAPT} --adapt-on pool.csv --param condition=prefix", "labels")
    refused(f"{call} {ADAPT} --adapt-on pool.csv", "pool.csv: no such file")
    refused("upsample in.csv -o out.parquet --strategy smote --adapt", "--adapt", "smote")
    refused("upsample in.csv -o out.csv --strategy random --adapt", "'random'", "'adapt'")
    (place / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "file"))
    refused(f"{call} {ADAPT}", "XDG_CACHE_HOME")
    with pytest.raises(InputError, match="upsample"):
        FillMask(model=str(bert), adapt=True).prepare()


def test_the_record_is_plain(place, bert):
    strategy = FillMask(model=str(bert), adapt=2, device="cpu", dtype="float32", random_state=0)
    rows = cells("in.csv")
    strategy.fit_resample([row["text"] for row in rows], [row["label"] for row in rows])
    assert json.loads(json.dumps(strategy.learnt()))[0]["epochs"] == 2
