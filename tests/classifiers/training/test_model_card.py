"""A trained classifier has a card that the hub can read."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import ModelCard
from small_trainings import RARE, VALIDATION, quick_config

from classifiers import train
from classifiers.training.model_card import MARK

HOSTILE = "<script>|`x`\n---\n# [a](http://evil)"


def test_the_card_says_rows_and_scores_and_leaves_a_persons_card_alone(tmp_path: Path, bert: Path) -> None:
    training, validation = ((t, [{"neutral": HOSTILE}.get(y, y) for y in ys]) for t, ys in (RARE, VALIDATION))
    result = train(quick_config(bert, epochs=1.0), training, validation, output_dir=tmp_path / "mine")
    card = tmp_path / "mine" / "README.md"
    text = card.read_text()
    read = ModelCard(text)
    assert read.data.to_dict() == {
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["counterpoise"],
    }
    assert "# Classifier of texts" in read.text
    assert f"| {100 * result.best['validation']['macro_f1']:.1f} |" in text
    assert f"| positive | {RARE[1].count('positive')} | {VALIDATION[1].count('positive')} |" in text
    assert "<script" not in text
    assert "[a](http" not in text
    assert str(tmp_path) not in text
    card.write_text(text.replace(MARK, "Mine."))
    train(quick_config(bert, epochs=1.0), training, output_dir=tmp_path / "mine", overwrite=True)
    assert "Mine." in card.read_text()
