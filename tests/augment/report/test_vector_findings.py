"""The report on vectors: measured against held-out rows of the same class, beside what real rows get."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from vector_measures import leave_out_the_network

from augment.cli.entry import main
from augment.errors import InputError
from augment.report.html import render
from augment.report.text_findings import Appraisal, appraise
from augment.report.text_measures import reference_fidelity, vector_fidelity
from augment.run.manifest import manifest_path

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module", autouse=True)
def without_network():
    with pytest.MonkeyPatch.context() as patch:
        leave_out_the_network(patch)
        yield


SAMPLE = Path(__file__).parents[3] / "augment" / "data" / "samples" / "reviews.csv"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output made from two thirds of the sample, with the other third held out."""
    folder = tmp_path_factory.mktemp("vectors")
    with open(SAMPLE, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    for name, some in (("train.csv", [r for i, r in enumerate(rows) if i % 3]), ("dev.csv", rows[::3])):
        with open(folder / name, "w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, ["text", "label"])
            writer.writeheader()
            writer.writerows(some)
    output = folder / "balanced.parquet"
    arguments = ["upsample", str(folder / "train.csv"), "--against", str(folder / "dev.csv"), "-o", str(output)]
    done = CliRunner().invoke(main, [*arguments, "--strategy", "smote", "--report", str(folder / "first.html")])
    assert done.exit_code == 0, done.stderr
    return output


@pytest.fixture(scope="module")
def findings(written: Path) -> Appraisal:
    """What the report says of the output."""
    return appraise(written)


def test_new_vectors_are_measured_by_held_out_rows_of_their_class(findings):
    found = findings.vectors
    assert found is not None
    assert found.no_heldout is None
    assert [one.name for one in found.classes] == ["negative", "neutral"]
    neutral = found.classes[1]
    assert neutral.fidelity is not None
    assert neutral.fidelity.reference is not None
    assert 0.5 < neutral.variance_ratio < 1, "SMOTE rows spread less than real ones"
    assert neutral.fidelity.nearest_train < neutral.fidelity.reference.nearest_train
    assert neutral.fidelity.reference.variance_ratio == 1
    assert not np.isnan(neutral.fidelity.tstr_f1)
    assert len(neutral.map_new) == neutral.new
    assert len(neutral.map_originals) == neutral.originals


def test_originals_without_a_text_are_no_real_rows(written, tmp_path, monkeypatch):
    rows = [{"text": f"The shop number {i} opens at nine.", "label": "neutral"} for i in range(14)]
    rows += [{"text": "", "label": "neutral"}] * 12
    rows += [{"text": f"I loved shop {i} more than number {i * 7}.", "label": "positive"} for i in range(40)]
    monkeypatch.chdir(tmp_path)
    with open("in.csv", "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, ["text", "label"])
        writer.writeheader()
        writer.writerows(rows)
    done = CliRunner().invoke(main, ["upsample", "in.csv", "--strategy", "smote", "-o", "out.parquet"])
    assert done.exit_code == 0, done.stderr
    found = appraise(Path("out.parquet")).vectors
    assert found is not None
    (neutral,) = (one for one in found.classes if one.name == "neutral")
    assert (neutral.originals, neutral.new) == (14, 14)


def test_held_out_rows_are_not_encoded_by_another_encoder(written, tmp_path):
    for path in (written, manifest_path(written)):
        shutil.copy(path, tmp_path / path.name)
    there = manifest_path(tmp_path / written.name)
    manifest = json.loads(there.read_text(encoding="utf-8"))
    manifest["encoder"]["identity"]["revision"] = "sha256:0000"
    there.write_text(json.dumps(manifest), encoding="utf-8")
    found = appraise(tmp_path / written.name).vectors
    assert found is not None
    assert found.no_heldout is not None
    assert "is another than the one that made the new rows" in found.no_heldout


def test_the_measures_are_those_of_the_table_and_the_held_out_file(written, findings):
    import pyarrow.parquet as pq

    from augment.data.corpus import read
    from augment.models.encoder import TextEncoder

    rows = pq.read_table(written).to_pylist()
    dev = read(written.with_name("dev.csv"))
    encoder = TextEncoder(normalize=True)
    held = encoder.encode([t for t, label in zip(dev.texts, dev.named_labels(), strict=True) if label == "neutral"])
    neutral = [row for row in rows if row["label"] == "neutral"]
    real, new = ([row["vector"] for row in neutral if row["is_synthetic"] is made] for made in (False, True))
    expected = vector_fidelity(real, held, new, reference=reference_fidelity(real, held))
    measured = findings.vectors.classes[1].fidelity
    # What does not depend on the order of the rows is the same to the last digits.
    assert measured.variance_ratio == pytest.approx(expected.variance_ratio, rel=1e-6)
    assert measured.nearest_train == pytest.approx(expected.nearest_train, rel=1e-6)
    assert measured.nearest_heldout == pytest.approx(expected.nearest_heldout, rel=1e-6)
    assert measured.reference.coverage == pytest.approx(expected.reference.coverage, abs=0.2)


def test_the_page_shows_the_measures_and_the_encoder_and_nothing_of_texts(written, findings):
    page = render(findings)
    for shown in ("two-sample k-NN, accuracy", "coverage", "mini, mean pooling, length 1", "<h2>Map</h2>"):
        assert shown in page
    for absent in ("self-BLEU", "Similarity to the source", "What the guards rejected", "<script"):
        assert absent not in page
    assert written.with_name("first.html").read_text(encoding="utf-8") == page, "the same rows give the same page"


def test_without_held_out_labels_the_page_says_why_and_draws_the_map(written, tmp_path):
    output = tmp_path / "balanced.parquet"
    shutil.copy(written, output)
    manifest = json.loads(manifest_path(written).read_text())
    for against, says in (
        ([], "No held-out file was named"),
        ([{"name": str(tmp_path / "gone.csv"), "rows": 1}], "is not here"),
        ([{"name": str(tmp_path / "texts.csv"), "rows": 1}], "has no labels"),
    ):
        (tmp_path / "texts.csv").write_text("text\nIt is open.\n")
        manifest_path(output).write_text(json.dumps({**manifest, "against": against}))
        found = appraise(output)
        assert says in found.vectors.no_heldout
        assert all(one.fidelity is None for one in found.vectors.classes)
        assert says in render(found).replace("&#39;", "'")


def test_a_table_of_new_rows_alone_is_mapped(written, tmp_path):
    output = tmp_path / "new.parquet"
    arguments = ["upsample", str(written.with_name("train.csv")), "--strategy", "gaussian", "--only-synthetic"]
    assert CliRunner().invoke(main, [*arguments, "-o", str(output)]).exit_code == 0
    found = appraise(output)
    assert [one.originals for one in found.vectors.classes] == [0, 0]
    assert "0 originals" in render(found)


def test_a_table_whose_vectors_are_gone_is_refused(written, tmp_path):
    import pyarrow.parquet as pq

    output = tmp_path / "balanced.parquet"
    pq.write_table(pq.read_table(written).drop_columns(["vector"]), output)
    shutil.copy(manifest_path(written), manifest_path(output))
    with pytest.raises(InputError, match="has no column 'vector'"):
        appraise(output)
