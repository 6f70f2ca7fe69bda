"""Training by contrast: what it learns, that it resumes to the same weights, what it holds out, saves and refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch
from small_pretrainings import ROWS, TRIPLES, encoder_without_head, generator_states, same, weights

from augment.errors import InputError, ModelError
from augment.models.checkpoints import load_encoder, load_masked_lm
from augment.models.pooling import POOLERS
from augment.models.word_masks import IGNORED, WordMasks
from classifiers.pretraining import contrastive
from classifiers.pretraining.contrastive import (
    MOMENTUM,
    REPORT,
    ContrastiveConfig,
    ContrastiveTrainer,
    measure,
    open_encoder,
    pretrain_by_contrast,
)
from classifiers.pretraining.contrastive_losses import info_nce
from classifiers.pretraining.loop import make_ready
from classifiers.pretraining.sentences import Tuples, Views
from classifiers.training.resuming import last_checkpoint

pytestmark = pytest.mark.numeric

QUICK = ContrastiveConfig(epochs=2, batch_size=32, learning_rate=1e-3, save_steps=4, seed=1)
"""180 sentences make five steps an epoch, and 20 are left over."""


OBJECTIVES = ("simcse", "esimcse", "supervised-simcse")


def config_of(objective, **changes):
    return QUICK.changed(objective=objective, **changes)


def rows_of(objective):
    return TRIPLES if objective == "supervised-simcse" else ROWS


def run(path, folder, config, **more):
    return pretrain_by_contrast(
        open_encoder(str(path), config, device="cpu"), rows_of(config.objective), folder, config, **more
    )


@pytest.fixture(scope="module", params=OBJECTIVES)
def trained(request, bert, tmp_path_factory):
    """A whole run: its configuration, folder, report, and the state of the global generators before and after."""
    config = config_of(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    before = generator_states()
    report = run(bert, folder, config)
    return config, folder, report, (before, generator_states())


# What is learnt and saved


def found_in_batch(path, config):
    """Share of sentences whose other dropout view is the nearest of twenty."""
    checkpoint = open_encoder(str(path), config, device="cpu")
    make_ready(checkpoint, config)
    shares = []
    for seed in range(4):
        batch = checkpoint.tokenizer([text for (text,) in ROWS[seed::10]] * 2, padding=True, return_tensors="pt")
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            output = checkpoint.model.base_model(batch["input_ids"], attention_mask=batch["attention_mask"])
        vectors = torch.nn.functional.normalize(POOLERS["mean"](output, batch["attention_mask"]), dim=1)
        first, second = vectors.chunk(2)
        shares.append(((first @ second.T).argmax(1) == torch.arange(20)).float().mean())
    return float(torch.stack(shares).mean())


@pytest.fixture(scope="module")
def trained_for_long(bert, tmp_path_factory):
    """Give the configuration, folder and report of a run of fifteen epochs, by objective; each is run once."""
    runs = {}

    def of(objective):
        if objective not in runs:
            config = config_of(objective, learning_rate=3e-3, epochs=15)
            folder = tmp_path_factory.mktemp("long")
            runs[objective] = config, folder, run(bert, folder, config)
        return runs[objective]

    return of


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_training_spreads_unseen_sentences_and_finds_them_by_their_other_view(bert, trained_for_long, objective):
    # Of 4 seeds, in float32 and in bfloat16: uniformity fell by .59 or more, alignment by .08 or more, and the share
    # that was found rose from .1 to .28 or more.
    config, folder, report = trained_for_long(objective)
    assert report["after"]["uniformity"] < report["before"]["uniformity"] - 0.3
    assert report["after"]["alignment"] < report["before"]["alignment"] - 0.02
    assert found_in_batch(folder, config) > 1.5 * found_in_batch(bert, config)


def test_supervision_brings_entailments_nearer_than_contradictions(bert, trained_for_long):
    def share(path):
        encoder = load_encoder(str(path), device="cpu", dtype="float32")
        columns = []
        for column in zip(*TRIPLES[::3], strict=True):
            batch = encoder.tokenizer(list(column), padding=True, return_tensors="pt")
            with torch.no_grad():
                columns.append(POOLERS["mean"](encoder.model(**batch), batch["attention_mask"]))
        near, far = (torch.nn.functional.cosine_similarity(columns[0], other) for other in columns[1:])
        return float((near > far).float().mean())

    # Untrained it is .73. Of 3 seeds, in float32 and in bfloat16, all came to 1.0.
    _, folder, _ = trained_for_long("supervised-simcse")
    assert share(bert) < 0.8
    assert share(folder) > 0.9


def test_what_is_saved_opens_as_encoder_and_as_masked_lm_and_is_safetensors(trained):
    _, folder, _, _ = trained
    load_masked_lm(str(folder), device="cpu")
    load_encoder(str(folder), device="cpu")
    names = {path.name for path in folder.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", REPORT, "training"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    assert {tensor.dtype for tensor in weights(folder).values()} == {torch.float16}
    assert json.loads((folder / "config.json").read_text())["hidden_dropout_prob"] == 0.1


def test_the_report_says_what_was_done_and_the_measures_are_those_of_the_models(trained, bert):
    config, folder, report, _ = trained
    assert json.loads((folder / REPORT).read_text()) == report
    assert (report["objective"], report["rows"], report["held_out"], report["steps"]) == (config.objective, 180, 20, 10)
    assert ("momentum" in report["config"]) == (config.objective == "esimcse")
    _, held_out = contrastive._split(rows_of(config.objective), config)
    for path, when in ((bert, "before"), (folder, "after")):
        checkpoint = open_encoder(str(path), config, device="cpu")
        make_ready(checkpoint, config)
        found = measure(checkpoint, held_out, config)
        assert found.alignment == pytest.approx(report[when]["alignment"], abs=5e-3)
        assert found.uniformity == pytest.approx(report[when]["uniformity"], abs=5e-3)


def test_global_generators_are_left_alone(trained):
    _, _, _, (before, after) = trained
    assert before == after


def test_the_same_seed_gives_the_same_weights_and_another_others(trained, bert, tmp_path):
    config, folder, report, _ = trained
    torch.manual_seed(99)
    assert run(bert, tmp_path / "same", config) == report
    assert same(tmp_path / "same", folder)
    run(bert, tmp_path / "other", config.changed(seed=2))
    assert not same(tmp_path / "other", folder)


@pytest.mark.parametrize(
    ("save_steps", "killed_at", "last"),
    [(3, 5, 3), (5, 5, 5), (3, 8, 6)],
    ids=["first-epoch", "between", "second-epoch"],
)
def test_a_killed_run_resumes_to_the_weights_of_an_uninterrupted_one(
    trained, bert, tmp_path, monkeypatch, save_steps, killed_at, last
):
    config, folder, report, _ = trained
    step = ContrastiveTrainer.training_step

    def killed(self, *arguments):
        if self.state.global_step == killed_at:
            raise KeyboardInterrupt
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ContrastiveTrainer, "training_step", killed)
        with pytest.raises(KeyboardInterrupt):
            run(bert, tmp_path, config.changed(save_steps=save_steps))
    training = tmp_path / "training"
    assert last_checkpoint(training) == str(training / f"checkpoint-{last}")
    assert (training / f"checkpoint-{last}" / MOMENTUM).exists() == (config.objective == "esimcse")
    torch.manual_seed(7)
    again = run(bert, tmp_path, config.changed(save_steps=save_steps), resume=True)
    assert {**again, "config": report["config"]} == report
    assert same(tmp_path, folder)


def test_a_checkpoint_that_was_not_written_to_its_end_is_not_resumed_from(bert, tmp_path):
    config = config_of("esimcse")
    run(bert, tmp_path, config)
    begun = tmp_path / "training" / "checkpoint-11"
    begun.mkdir()
    shutil.copy(tmp_path / "training" / "checkpoint-8" / MOMENTUM, begun)
    assert last_checkpoint(tmp_path / "training") == str(tmp_path / "training" / "checkpoint-10")
    assert last_checkpoint(tmp_path / "nothing") is None


# The steps of the trainer


def trainer_of(bert, tmp_path, config, rows):
    """A trainer that has not begun, and a batch of all these rows."""
    from classifiers.pretraining.loop import arguments

    # Elsewhere "auto" is bfloat16, which losses by hand would have to be computed in as well.
    checkpoint = replace(open_encoder(str(bert), config, device="cpu"), dtype=torch.float32)
    make_ready(checkpoint, config)
    tokenizer = checkpoint.tokenizer
    masks = WordMasks(tokenizer.mask_token_id, tokenizer.pad_token_id, config.mask_ratio, 0.0, 0)
    views = Views(
        tokenizer.pad_token_id,
        0,
        config.duplication_rate if config.objective == "esimcse" else None,
        checkpoint.longest(),
        masks if config.mlm_weight else None,
    )
    data = Tuples(tokenizer, rows, config.max_length)
    trainer = ContrastiveTrainer(
        model=checkpoint.model, args=arguments(checkpoint, tmp_path, config), train_dataset=data, config=config
    )
    return trainer, views([data[i, 0] for i in range(len(rows))])


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_the_loss_is_that_of_the_vectors_of_both_views(bert, tmp_path, pooling):
    trainer, batch = trainer_of(bert, tmp_path, config_of("simcse", pooling=pooling), ROWS[:9])
    trainer.model.eval()  # without dropout both views are one
    with torch.no_grad():
        vectors = POOLERS[pooling](
            trainer.model.base_model(batch["input_ids"][:9], attention_mask=batch["attention_mask"][:9]),
            batch["attention_mask"][:9],
        )
        assert float(trainer.compute_loss(trainer.model, batch)) == pytest.approx(
            float(info_nce(vectors, vectors)), abs=1e-4
        )


def test_both_views_of_a_sentence_differ_by_dropout_alone(bert, tmp_path):
    trainer, batch = trainer_of(bert, tmp_path, QUICK, ROWS[:9])
    assert torch.equal(batch["input_ids"][:9], batch["input_ids"][9:])
    first, second = trainer._encode(trainer.encoder.train(), batch).chunk(2)
    assert not torch.allclose(first, second, atol=1e-3)
    first, second = trainer._encode(trainer.encoder.eval(), batch).chunk(2)
    assert torch.allclose(first, second, atol=1e-5)


def test_contradictions_are_negatives_and_a_repeated_text_is_none(bert, tmp_path):
    rows = [("a b", "a", "b"), ("c d", "c", "d"), ("c d", "c", "a")]
    trainer, batch = trainer_of(bert, tmp_path, config_of("supervised-simcse", dropout=0.0), rows)
    trainer.model.eval()
    with torch.no_grad():
        premises, entailments, contradictions = trainer._encode(trainer.encoder, batch).chunk(3)
        excluded = torch.zeros((3, 6), dtype=torch.bool)
        excluded[1, 2] = excluded[2, 1] = True  # the same premise and entailment
        excluded[0, 5] = True  # "a" is what follows from the first
        expected = info_nce(premises, torch.cat([entailments, contradictions]), excluded=excluded)
        assert float(trainer.compute_loss(trainer.model, batch)) == pytest.approx(float(expected), abs=1e-5)


def test_the_masked_term_is_weighted_and_leaves_the_contrast_alone(bert, tmp_path):
    losses = {}
    for weight in (0.0, 0.1, 0.3):
        trainer, batch = trainer_of(bert, tmp_path, config_of("simcse", mlm_weight=weight), ROWS[:9])
        trainer.model.eval()
        with torch.no_grad():
            losses[weight] = float(trainer.compute_loss(trainer.model, batch))
    masked = batch["masked"]
    with torch.no_grad():
        logits = trainer.model(input_ids=masked["input_ids"], attention_mask=masked["attention_mask"]).logits
    expected = float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), masked["labels"].flatten()))
    assert (masked["labels"] != IGNORED).any(1).all(), "a sentence has no mask"
    assert losses[0.1] - losses[0.0] == pytest.approx(0.1 * expected, abs=1e-3)
    assert losses[0.3] - losses[0.0] == pytest.approx(0.3 * expected, abs=1e-3)


def test_the_momentum_encoder_follows_and_queues_without_dropout_what_was_not_repeated(bert, tmp_path):
    config = config_of("esimcse", momentum=0.75, batch_size=8, queue_ratio=2.5)
    trainer, batch = trainer_of(bert, tmp_path, config, ROWS[:8])
    trainer.create_optimizer_and_scheduler(10)
    trainer.current_gradient_accumulation_steps = 1  # as `train` sets it
    old = {name: weight.clone() for name, weight in trainer.momentum_encoder.named_parameters()}
    with torch.no_grad():
        for weight in trainer.encoder.parameters():
            weight += 0.01
    new = {name: weight.clone() for name, weight in trainer.encoder.named_parameters()}
    trainer.training_step(trainer.model, batch)
    for name, weight in trainer.momentum_encoder.named_parameters():
        assert torch.allclose(weight, 0.75 * old[name] + 0.25 * new[name], atol=1e-6)
        assert weight.grad is None
    assert not trainer.momentum_encoder.training
    sentences = {name: batch[name][:8] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        assert torch.allclose(trainer.queue.vectors, trainer._encode(trainer.momentum_encoder, sentences), atol=1e-6)
    assert trainer.queue.texts.tolist() == list(range(8))
    for texts in (range(100, 108), range(200, 208)):
        trainer.training_step(trainer.model, {**batch, "texts": torch.tensor([list(texts)] * 2)})
    assert trainer.queue.texts.tolist() == [4, 5, 6, 7, *range(100, 108), *range(200, 208)]
    assert not trainer.queue.vectors.requires_grad


def test_the_queue_makes_the_loss_larger_but_not_by_the_sentences_of_the_batch(bert, tmp_path):
    trainer, batch = trainer_of(bert, tmp_path, config_of("esimcse"), ROWS[:8])
    trainer.model.eval()
    with torch.no_grad():
        alone = float(trainer.compute_loss(trainer.model, batch))
        trainer.queue.push(trainer._encode(trainer.encoder, batch)[:8], batch["texts"][0])
        anchors, positives = trainer._encode(trainer.encoder, batch).chunk(2)
        excluded = torch.cat([torch.zeros(8, 8, dtype=torch.bool), torch.eye(8, dtype=torch.bool)], 1)
        expected = info_nce(anchors, torch.cat([positives, anchors]), excluded=excluded)
        assert float(trainer.compute_loss(trainer.model, batch)) == pytest.approx(float(expected), abs=1e-5)
        trainer.queue.push(anchors.roll(1, 0), torch.arange(8) + 50)
        assert float(trainer.compute_loss(trainer.model, batch)) > float(expected) > alone


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_held_out_sentences_are_not_trained_on_and_follow_from_the_seed(objective):
    rows, config = rows_of(objective), config_of(objective)
    train, held_out = contrastive._split(rows, config)
    assert len(held_out) == 20
    assert not {row[0] for row in held_out} & {row[0] for row in train}
    assert sorted([*train, *held_out]) == sorted(rows)
    assert contrastive._split(rows, config) == (train, held_out)
    assert contrastive._split(rows, config.changed(seed=5))[1] != held_out
    assert len(contrastive._split(rows, config.changed(held_out=7))[1]) == 7


def test_all_rows_of_a_held_out_premise_are_held_out():
    rows = [(premise, f"{premise} {i}", "no") for premise, *_ in TRIPLES for i in range(3)]
    train, held_out = contrastive._split(rows, config_of("supervised-simcse"))
    assert (len(train), len(held_out)) == (540, 20)
    assert not {row[0] for row in held_out} & {row[0] for row in train}


def test_empty_rows_and_repetitions_are_left_out(bert, tmp_path):
    config = config_of("simcse", epochs=1, batch_size=4)
    rows = [("",), *ROWS[:20], *ROWS[:10], (f" {ROWS[0][0]} ",), ("\t",)]
    report = pretrain_by_contrast(open_encoder(str(bert), config, device="cpu"), rows, tmp_path, config)
    assert (report["rows"], report["held_out"], report["steps"]) == (18, 2, 4)


def test_an_encoder_without_a_head_stays_one_and_gets_a_head_for_a_masked_term_alone(bert, tmp_path):
    plain = encoder_without_head(bert, tmp_path / "plain", add_pooling_layer=False)
    config = config_of("simcse", epochs=0.5)
    run(plain, tmp_path / "out", config)
    encoder = load_encoder(str(tmp_path / "out"), device="cpu")
    assert encoder.untrained, "a pooler of random numbers was saved as if it were one"
    with pytest.raises(ModelError, match="is not a masked language model"):
        load_masked_lm(str(tmp_path / "out"), device="cpu")
    run(plain, tmp_path / "masked", config.changed(mlm_weight=0.1))
    load_masked_lm(str(tmp_path / "masked"), device="cpu")


def test_the_pooler_of_a_model_that_has_one_is_trained_and_saved(bert, tmp_path):
    pooled = encoder_without_head(bert, tmp_path / "pooled")
    config = config_of("supervised-simcse", epochs=0.5, pooling="cls_mlp")
    report = run(pooled, tmp_path / "out", config)
    assert report["after"]["uniformity"] != report["before"]["uniformity"]
    load_encoder(str(tmp_path / "out"), device="cpu").require_pooler()
    old, new = weights(pooled), weights(tmp_path / "out")
    assert not torch.allclose(old["pooler.dense.weight"], new["pooler.dense.weight"].float(), atol=1e-3)


def test_a_model_without_a_pooler_is_refused_for_cls_mlp(bert):
    with pytest.raises(ModelError, match=r"^The pooling 'cls_mlp' needs the pooler of .* Give the pooling 'cls'\.$"):
        open_encoder(str(bert), config_of("simcse", pooling="cls_mlp"), device="cpu")


@pytest.mark.parametrize("name", ["roberta", "distilbert", "deberta"])
def test_other_architectures_train(tiny, tmp_path, name):
    report = run(tiny(name), tmp_path, config_of("esimcse", epochs=0.5, mlm_weight=0.1))
    assert report["before"]["alignment"] > 0, "dropout changes nothing"
    assert report["after"] != report["before"]
    load_masked_lm(str(tmp_path), device="cpu")


# Refusals


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"objective": "simsce"}, "`objective` must be 'simcse', .* Got 'simsce'. Did you mean 'simcse'"),
        ({"pooling": "first"}, "`pooling` must be 'mean', 'cls', 'cls_mlp' or 'max'. Got 'first'"),
        ({"dropout": 0.0}, "'simcse' needs a dropout above 0, since .* Got 0. Give .1."),
        ({"dropout": 0.0, "objective": "esimcse"}, "'esimcse' needs a dropout above 0"),
        ({"dropout": 1.0}, "`dropout` must be below 1. Got 1.0"),
        ({"temperature": 0.0}, "`temperature` must be above 0. Got 0.0"),
        ({"queue_ratio": -1.0}, "`queue_ratio` must be above 0. Got -1.0"),
        ({"momentum": 1.1}, "`momentum` must be 1 or less. Got 1.1"),
        ({"duplication_rate": -0.1}, "`duplication_rate` must be 0 or more. Got -0.1"),
        ({"mlm_weight": float("nan")}, "`mlm_weight` must be a finite number. Got nan"),
        ({"batch_size": 1}, "`batch_size` must be 2 or more. Got 1"),
        ({"held_out": 1}, "`held_out` must be 2 or more"),
        ({"pooling": "cls_mlp", "mlm_weight": 0.1}, "exclude each other"),
        (
            {"momentum": 1.1, "held_out": 1, "sed": 1},
            "`momentum` .* `held_out` .* has no key 'sed'.* Did you mean 'seed'",
        ),
    ],
)
def test_a_configuration_out_of_range_is_refused(changes, says):
    with pytest.raises(InputError, match=says):
        QUICK.changed(**changes)


def test_supervision_needs_no_dropout():
    assert config_of("supervised-simcse", dropout=0.0).dropout == 0


def test_fewer_sentences_than_a_batch_are_refused(bert, tmp_path):
    with pytest.raises(
        InputError, match=r"at least 32 different sentences, one batch, beside 3 .* Got 34 in all\. Give"
    ):
        pretrain_by_contrast(open_encoder(str(bert), QUICK, device="cpu"), ROWS[:34], tmp_path / "out", QUICK)
    assert not (tmp_path / "out").exists()
