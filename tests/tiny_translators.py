"""Tiny sequence-to-sequence models that have just learnt to write sentences; nothing is downloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tiny_models import LETTERS, POSITIONS, SENTENCES, _unigram

LANGUAGES = ("eng_Latn", "deu_Latn")
STEPS = 50
RATE = 1e-2


def t5(folder: Path) -> Path:
    """Make a T5, with a Unigram tokenizer and no limit of its own on positions."""
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

    tokenizer = T5Tokenizer(vocab=_unigram(["<pad>", "</s>", "<unk>"]), extra_ids=0)
    size = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "dropout_rate": 0.0}
    config = T5Config(vocab_size=len(tokenizer), decoder_start_token_id=0, **size)
    return _taught(T5ForConditionalGeneration, config, tokenizer, folder)


def bart(folder: Path) -> Path:
    """Make a BART, with a byte-level tokenizer and learned positions."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import BartConfig, BartForConditionalGeneration, BartTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    backend = ByteLevelBPETokenizer(add_prefix_space=False)
    backend.train_from_iterator(SENTENCES, vocab_size=600, min_frequency=1, special_tokens=special, show_progress=False)
    model = json.loads(backend.to_str())["model"]
    tokenizer = BartTokenizer(vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]])
    return _taught(BartForConditionalGeneration, BartConfig(**_shape(len(tokenizer))), tokenizer, folder)


def nllb(folder: Path) -> Path:
    """Make a translator of two languages, which knows letters alone; a token of the language begins its answers."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *LETTERS]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = NllbTokenizer(vocab=vocab, merges=[], extra_special_tokens=list(LANGUAGES))
    return _taught(M2M100ForConditionalGeneration, M2M100Config(**_shape(len(tokenizer))), tokenizer, folder)


def _shape(size: int) -> dict[str, Any]:
    shape: dict[str, Any] = {"vocab_size": size, "d_model": 32, "max_position_embeddings": POSITIONS}
    for side in ("encoder", "decoder"):
        shape |= {f"{side}_layers": 2, f"{side}_attention_heads": 4, f"{side}_ffn_dim": 48}
    special = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    return {**shape, **special, "dropout": 0.0}


def _taught(kind: Any, config: Any, tokenizer: Any, folder: Path) -> Path:
    """Teach a new model to write each sentence as it is; it learns to write sentences, and when to end."""
    tokenizer.model_max_length = POSITIONS
    batch = tokenizer(list(SENTENCES), padding=True, truncation=True, return_tensors="pt")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(config).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
        for _ in range(STEPS):
            loss = model(**batch, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def marian(folder: Path) -> Path:
    """Make a Marian model, whose tokenizer needs the package sentencepiece."""
    import sentencepiece
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_prefix=str(folder / "pieces"), vocab_size=200, minloglevel=2
    )
    spm = folder / "pieces.model"
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(spm))
    names = dict.fromkeys(["</s>", "<unk>", *(pieces.id_to_piece(i) for i in range(len(pieces))), "<pad>"])
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(names)}))
    tokenizer = MarianTokenizer(
        source_spm=str(spm), target_spm=str(spm), vocab=str(folder / "vocab.json"), source_lang="en", target_lang="de"
    )
    shape = _shape(len(names)) | {"pad_token_id": len(names) - 1, "eos_token_id": 0, "bos_token_id": 0}
    shape["decoder_start_token_id"] = shape["pad_token_id"]
    return _taught(MarianMTModel, MarianConfig(**shape), tokenizer, folder)
