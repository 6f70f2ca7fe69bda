"""`EncoderClassifier`: any encoder, three heads, two halves, and what transformers makes of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments, pipeline

from augment.errors import InputError, ModelError
from augment.models.checkpoints import load_classifier, load_encoder
from augment.models.pooling import POOLERS
from augment.models.scorer import TextScorer
from classifiers import config as settings
from classifiers import heads
from classifiers.heads import HEADS
from classifiers.model import EncoderClassifier, EncoderClassifierConfig

pytestmark = pytest.mark.numeric

CLASSES = ["negative", "neutral", "positive"]
TEXTS = ["The shop opens at nine.", "It was the best film of the year and the best day of my life, you know?", "Good."]


def opened(folder):
    return load_encoder(str(folder), device="cpu", dtype="float32")


def tokens(checkpoint, texts=TEXTS):
    return checkpoint.tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")


@pytest.fixture
def encoder(bert):
    return opened(bert)


@pytest.fixture(params=HEADS)
def head(request):
    return request.param


def saved(model, checkpoint, folder):
    model.save_pretrained(folder)
    checkpoint.tokenizer.save_pretrained(folder)
    return folder


# Any encoder


@pytest.mark.parametrize("head", ["linear", "bilstm"])
def test_every_architecture_is_saved_and_opened_again_in_all_ways(folder, head, tmp_path):
    checkpoint = opened(folder)
    model = EncoderClassifier.from_encoder(checkpoint, CLASSES, head=head)
    path = saved(model, checkpoint, tmp_path / "model")
    assert sorted(p.suffix for p in path.iterdir() if p.stat().st_size > 1000) >= [".json"]
    assert not list(path.glob("*.bin"))
    batch = tokens(checkpoint)
    with torch.no_grad():
        logits = model(**batch).logits
        for kind in (EncoderClassifier, AutoModelForSequenceClassification):
            again = kind.from_pretrained(path)
            assert type(again) is EncoderClassifier
            torch.testing.assert_close(again(**batch).logits, logits)  # weights may lie elsewhere, for other kernels
            assert again.config.id2label == dict(enumerate(CLASSES))
    assert json.loads((path / "config.json").read_text())["encoder"].get("_name_or_path", "") == ""
    told = pipeline("text-classification", model=str(path), top_k=None)(TEXTS[0])[0]
    expected = logits[0].softmax(0)
    assert {one["label"]: one["score"] for one in told} == pytest.approx(
        dict(zip(CLASSES, expected.tolist(), strict=True)), abs=1e-5
    )


def test_the_encoders_weights_are_those_of_the_checkpoint_and_the_checkpoint_stays(encoder):
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    model = EncoderClassifier.from_encoder(encoder, CLASSES)
    own = model.encoder.state_dict()
    assert all(torch.equal(own[name], before[name]) for name in own)
    with torch.no_grad():
        model.encoder.embeddings.word_embeddings.weight.zero_()
    after = encoder.model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_process_that_imports_only_augment_opens_it(encoder, tmp_path):
    path = saved(EncoderClassifier.from_encoder(encoder, CLASSES), encoder, tmp_path)
    code = (
        "import sys; from augment.models.scorer import TextScorer; assert 'classifiers' not in sys.modules;"
        f"print(TextScorer({str(path)!r}, device='cpu').classes)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == str(CLASSES), done.stderr[-500:]


# Its two halves


def test_classify_of_features_is_forward(encoder, head):
    model = EncoderClassifier.from_encoder(encoder, CLASSES, head=head)
    batch = tokens(encoder)
    with torch.no_grad():
        features = model.features(batch["input_ids"], batch["attention_mask"])
        assert features.shape == (3, 64 if head == "linear" else 512)
        assert features.dtype == torch.float32
        assert features.shape[1] == model.feature_width
        whole = model(**batch).logits
        assert torch.equal(model.classify(features), whole)
        assert torch.equal(model(features=features).logits, whole)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_features_of_the_linear_head_are_the_pooled_token_states(encoder, pooling):
    model = EncoderClassifier.from_encoder(encoder, CLASSES, pooling=pooling)
    batch = tokens(encoder)
    with torch.no_grad():
        output = encoder.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        expected = POOLERS[pooling](output, batch["attention_mask"])
        assert torch.allclose(model.features(batch["input_ids"], batch["attention_mask"]), expected, atol=1e-5)


@pytest.mark.parametrize("head", ["bigru", "bilstm"])
def test_features_of_a_recurrent_head_are_both_directions_last_states_as_computed_by_hand(encoder, head):
    model = EncoderClassifier.from_encoder(encoder, CLASSES, head=head)
    with torch.no_grad():
        for text in TEXTS:
            batch = tokens(encoder, [text])
            states = model.encoder(**batch).last_hidden_state
            outputs, _ = model.head.recurrent(states)  # (1, length, 2 × hidden)
            expected = torch.cat([outputs[:, -1, :256], outputs[:, 0, 256:]], dim=1)
            assert torch.allclose(model.features(batch["input_ids"], batch["attention_mask"]), expected, atol=1e-6)


def test_padding_changes_no_features(encoder, head):
    model = EncoderClassifier.from_encoder(encoder, CLASSES, head=head)
    batch = tokens(encoder)
    with torch.no_grad():
        together = model.features(batch["input_ids"], batch["attention_mask"])
        for i, text in enumerate(TEXTS):
            alone = tokens(encoder, [text])
            assert torch.allclose(
                model.features(alone["input_ids"], alone["attention_mask"])[0], together[i], atol=1e-5
            )
        assert torch.allclose(model.features(tokens(encoder, [TEXTS[0]])["input_ids"])[0], together[0], atol=1e-5)


def test_the_linear_head_is_dropout_dense_tanh_dropout_output(encoder):
    model = EncoderClassifier.from_encoder(encoder, CLASSES)
    features = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    dense, out = model.head.dense, model.head.out
    assert (dense.in_features, dense.out_features, out.in_features, out.out_features) == (64, 64, 64, 3)
    by_hand = torch.tanh(features @ dense.weight.T + dense.bias) @ out.weight.T + out.bias
    with torch.no_grad():
        assert torch.allclose(model.classify(features), by_hand, atol=1e-6)


def test_the_recurrent_heads_are_256_wide_each_way_with_relu(encoder):
    for name, kind in heads.RECURRENT.items():
        model = EncoderClassifier.from_encoder(encoder, CLASSES, head=name)
        recurrent = model.head.recurrent
        assert type(recurrent) is kind
        assert (recurrent.input_size, recurrent.hidden_size, recurrent.bidirectional) == (64, 256, True)
        features = torch.randn(4, 512, generator=torch.Generator().manual_seed(0))
        by_hand = features.clamp(min=0) @ model.head.out.weight.T + model.head.out.bias
        with torch.no_grad():
            assert torch.allclose(model.classify(features), by_hand, atol=1e-6)


def test_dropout_is_where_the_paper_has_it_and_off_in_eval_mode(encoder, head):
    model = EncoderClassifier.from_encoder(encoder, CLASSES, head=head, dropout=0.5)
    features = torch.ones(2000, model.feature_width)
    with torch.no_grad():
        assert torch.equal(model.classify(features), model.classify(features))
        model.train()
        assert not torch.equal(model.classify(features), model.classify(features))
        model.head.dropout.p = 0.0
        assert torch.equal(model.classify(features), model.classify(features))


def test_a_seed_draws_the_head_and_no_global_generator_is_touched(encoder, head):
    before = torch.get_rng_state()
    first, again, other = (
        EncoderClassifier.from_encoder(encoder, CLASSES, head=head, seed=s).state_dict() for s in (1, 1, 2)
    )
    assert torch.equal(before, torch.get_rng_state())
    names = [name for name in first if name.startswith("head") and "bias" not in name]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in names)


def test_segments_reach_encoders_that_tell_them_apart(encoder):
    model = EncoderClassifier.from_encoder(encoder, CLASSES)
    batch = tokens(encoder)
    with torch.no_grad():
        plain = model(batch["input_ids"], batch["attention_mask"]).logits
        assert torch.equal(model(**batch).logits, plain)
        ones = torch.ones_like(batch["input_ids"])
        assert not torch.equal(model(batch["input_ids"], batch["attention_mask"], ones).logits, plain)


def test_an_unused_pooler_is_left_away_and_a_used_one_is_trained(tmp_path, encoder):
    model = EncoderClassifier.from_encoder(encoder, CLASSES)
    assert not any("pooler" in name for name, _ in model.named_parameters())
    batch = tokens(encoder)
    model(**batch, labels=torch.tensor([0, 1, 2])).loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    with pytest.raises(ModelError, match=r"pooling 'cls_mlp' needs the pooler .* Give the pooling 'cls'"):
        EncoderClassifier.from_encoder(encoder, CLASSES, pooling="cls_mlp")


# What is refused


def test_a_checkpoint_without_its_head_is_an_error_and_no_random_head(encoder, head, tmp_path):
    path = saved(EncoderClassifier.from_encoder(encoder, CLASSES, head=head), encoder, tmp_path)
    weights = load_file(path / "model.safetensors")
    del weights["head.out.weight"]
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    for kind in (EncoderClassifier, AutoModelForSequenceClassification):
        with pytest.raises(ModelError, match=r"is not a trained classifier: it lacks 'head.out.weight'\. .* train"):
            kind.from_pretrained(path)
    with pytest.raises(ModelError, match=r"lacks 'head.out.weight'"):
        load_classifier(str(path))


def test_an_encoder_is_no_classifier(bert):
    with pytest.raises(ModelError):
        EncoderClassifier.from_pretrained(bert, config=EncoderClassifierConfig())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"head": "biglu"}, "The head must be one of linear, bigru, bilstm. Got 'biglu'. Did you mean 'bigru'"),
        ({"pooling": "men"}, "The pooling must be one of mean, .* Did you mean 'mean'"),
    ],
)
def test_unknown_parts_are_refused(encoder, values, message):
    with pytest.raises(InputError, match=message):
        EncoderClassifier.from_encoder(encoder, CLASSES, **values)
    with pytest.raises(InputError, match=r"two classes or more\. Got 1"):
        EncoderClassifier.from_encoder(encoder, CLASSES[:1])
    with pytest.raises(InputError, match="input_ids or features"):
        EncoderClassifier.from_encoder(encoder, CLASSES)()


def test_the_heads_and_poolings_of_the_configuration_are_those_that_there_are():
    fields = settings.TrainConfig.model_fields
    assert fields["head"].annotation.__args__ == HEADS
    assert set(fields["pooling"].annotation.__args__) == set(POOLERS)


# With others' tools


def test_a_stock_trainer_trains_it_and_divides_the_loss_when_it_accumulates(encoder, tmp_path):
    rows = [{"input_ids": encoder.tokenizer(t)["input_ids"], "labels": i} for i, t in enumerate(TEXTS)] * 4
    for row in rows:
        row["attention_mask"] = [1] * len(row["input_ids"])
    from transformers import DataCollatorWithPadding

    model = EncoderClassifier.from_encoder(encoder, CLASSES)
    arguments = TrainingArguments(
        str(tmp_path),
        num_train_epochs=16,
        per_device_train_batch_size=3,
        gradient_accumulation_steps=2,
        learning_rate=5e-3,
        report_to="none",
        use_cpu=True,
        save_strategy="no",
        disable_tqdm=True,
        logging_steps=1,
    )
    trainer = Trainer(model, arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(encoder.tokenizer))
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses[0] == pytest.approx(1.1, abs=0.25)  # log 3, and not twice that
    assert losses[-1] < 0.3  # of 5 seeds .014 at most


def test_gradient_checkpointing_gives_the_same_gradients(encoder):
    batch, labels = tokens(encoder), torch.tensor([0, 1, 2])
    grads = []
    for checkpointed in (False, True):
        model = EncoderClassifier.from_encoder(encoder, CLASSES)
        if checkpointed:
            model.gradient_checkpointing_enable()
            model.train()
            for module in model.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
        model(**batch, labels=labels).loss.backward()
        grads.append(model.head.dense.weight.grad)
    assert torch.allclose(*grads, atol=1e-6)


def test_half_precision_leaves_the_recurrent_layer_in_float32(encoder, head):
    model = EncoderClassifier.from_encoder(encoder, CLASSES, head=head)
    batch = tokens(encoder)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(**batch).logits
    with torch.no_grad():
        assert torch.allclose(half.float(), model(**batch).logits, atol=0.2)


def test_scores_do_not_follow_the_batch_size(encoder, tmp_path):
    path = saved(EncoderClassifier.from_encoder(encoder, CLASSES), encoder, tmp_path)
    one, many = (TextScorer(str(path), batch_size=size, device="cpu").probabilities(TEXTS * 5) for size in (1, 64))
    assert (one == many).all()
