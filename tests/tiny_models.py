"""Tiny real models of several architectures, and the sentences they know; nothing is downloaded."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from augment.checks import TEXTS_OF

DTYPES = ["float32", "bfloat16", *["int8"] * torch.cpu._is_vnni_supported()]
"""What linear maps can be computed in on this CPU."""
POSITIONS = 64
"""Most tokens that a tiny model takes, special ones included."""
SENTENCES = (
    "The shop on the corner opens at nine and closes at six.",
    "We sat upstairs by the window and ordered two coffees.",
    "The parcel came on Monday, the manual on Tuesday.",
    "My sister bought the blue version and I took the green one home.",
    "A wonderful evening with great food and the kindest staff.",
    "I loved every minute of this film and would see it again.",
    "They fixed the old machine in an hour and asked for a fair price.",
    "The best hotel of the whole trip, with a quiet room and a lovely garden.",
    "Everything works as it should, and the battery lasts for days.",
    "What a charming little book, funny and sad and wise on every page.",
    "Our guide knew every stone of the city and told us the best stories.",
    "The new app is fast and simple and does exactly what I wanted.",
    "Fresh bread, friendly people, and the finest view over the harbour.",
    "The train was late again and nobody told us why.",
    "It was a long walk from the station to the house by the river.",
    "She gave the waiter a smile and he brought another glass of water.",
    "The story was not good, but the music was very good indeed.",
    "Good service, good coffee and a good place to read a book.",
    "You can take the bus or walk along the river to the old town.",
    "The film was bad and the seats were hard.",
    "He said that the room was small, cold and dark.",
    "There is a small garden behind the house with an old tree.",
    "The doctor asked me to come back on Friday at ten.",
    "No one knew what the second part of the story was about.",
    "The waiter forgot our order and the soup was cold.",
    "This machine makes a lot of noise and the coffee tastes of water.",
    "People come here for the view and stay for the food.",
    "I do not know why they closed the old shop on the corner.",
    "The price went up again and the service went down.",
    "On Monday the museum is closed and on Sunday it is free.",
    "My brother works in a shop and my sister works in a school.",
    "The book tells the story of a man who never came home.",
    "The blue bus stops at the school and at the station.",
    "It is a simple film with a sad end and a lovely song.",
    "The staff were kind and the room was quiet.",
    "We asked for a table by the window and got one by the door.",
    "The GOOD news is that the shop opens at NINE on Sunday.",
    "IT WAS THE BEST FILM OF THE YEAR AND THE BEST DAY OF MY LIFE.",
    "One day the old man took the green bus to the city.",
    "In the end we took a taxi home and slept very well.",
)
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789[]<>/!?.,'"
FAVOURITES = ("the", "good", "film", "day")
"""What the rigged model finds likeliest everywhere, in this order."""


def _words(*, lowercase: bool = False) -> dict[str, int]:
    """Count the words of the sentences that are to be whole pieces, the most frequent first; long ones are not."""
    text = " ".join(SENTENCES)
    counts = Counter(re.findall(r"[A-Za-z]{1,8}\b", text.lower() if lowercase else text))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _wordpiece(first: list[str], *, lowercase: bool) -> dict[str, int]:
    """Make a WordPiece vocabulary: these special tokens, letters, endings, words.

    The trainers of `tokenizers` break ties by chance, and tests that say the same every time need the same pieces.
    """
    endings = ["##ing", "##ed", "##er", "##ly", "##es", "##on", "##ful"]
    characters = [mark + c for c in LETTERS for mark in ("", "##") if c.isalnum() or not mark]
    pieces = [*first, *characters, *endings, *_words(lowercase=lowercase)]
    return {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}


def _bert_tokenizer() -> Any:
    from transformers import BertTokenizer

    return BertTokenizer(vocab=_wordpiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], lowercase=True))


def _cased_distilbert_tokenizer() -> Any:
    from transformers import DistilBertTokenizer

    vocab = _wordpiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], lowercase=False)
    return DistilBertTokenizer(vocab=vocab, do_lower_case=False)


def _mpnet_tokenizer() -> Any:
    from transformers import MPNetTokenizer

    vocab = _wordpiece(["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"], lowercase=True)
    return MPNetTokenizer(vocab=vocab)


def _roberta_tokenizer() -> Any:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaTokenizer

    backend = ByteLevelBPETokenizer(add_prefix_space=False)
    backend.train_from_iterator(
        SENTENCES,
        vocab_size=900,
        min_frequency=1,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        show_progress=False,
    )
    model = json.loads(backend.to_str())["model"]
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in model["merges"]]
    return RobertaTokenizer(vocab=model["vocab"], merges=merges)


def _unigram(special: list[str]) -> list[tuple[str, float]]:
    """Make a Unigram vocabulary, by hand for the same reason: a word's score is its share of the sentences."""
    counts = _words()
    total = sum(counts.values())
    vocabulary = [(piece, 0.0) for piece in special]
    vocabulary += [(f"▁{word}", math.log(count / total)) for word, count in counts.items()]
    rare = ["▁", *LETTERS, *(f"▁{c}" for c in LETTERS if f"▁{c}" not in dict(vocabulary)), "ing", "ed", "er", "ly"]
    return vocabulary + [(piece, -9.0) for piece in rare]


def _deberta_tokenizer() -> Any:
    from transformers import DebertaV2Tokenizer

    return DebertaV2Tokenizer(vocab=_unigram(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]))


def _albert_tokenizer() -> Any:
    from transformers import AlbertTokenizer

    return AlbertTokenizer(vocab=_unigram(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]))


def bert_shape(size: int, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": size,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": POSITIONS,
        "initializer_range": 0.3,
        **more,
    }


def _bert(size: int) -> Any:
    from transformers import BertConfig, BertForMaskedLM

    return BertForMaskedLM(BertConfig(**bert_shape(size, hidden_size=64)))


def _roberta(size: int) -> Any:
    from transformers import RobertaConfig, RobertaForMaskedLM

    positions = POSITIONS + 2  # they are counted from the padding's number on
    return RobertaForMaskedLM(RobertaConfig(**bert_shape(size, max_position_embeddings=positions)))


def _distilbert(size: int) -> Any:
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    config = DistilBertConfig(
        vocab_size=size,
        dim=32,
        n_layers=2,
        n_heads=4,
        hidden_dim=48,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )
    return DistilBertForMaskedLM(config)


def _deberta(size: int) -> Any:
    from transformers import DebertaV2Config, DebertaV2ForMaskedLM

    config = DebertaV2Config(
        **bert_shape(size),
        relative_attention=True,
        position_buckets=16,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        type_vocab_size=0,
        pad_token_id=0,
    )
    return DebertaV2ForMaskedLM(config)


def _albert(size: int) -> Any:
    from transformers import AlbertConfig, AlbertForMaskedLM

    return AlbertForMaskedLM(AlbertConfig(**bert_shape(size, embedding_size=16)))


def _electra(size: int) -> Any:
    from transformers import ElectraConfig, ElectraForMaskedLM

    return ElectraForMaskedLM(ElectraConfig(**bert_shape(size, embedding_size=16)))


def _mpnet(size: int) -> Any:
    from transformers import MPNetConfig, MPNetForMaskedLM

    return MPNetForMaskedLM(MPNetConfig(**bert_shape(size, max_position_embeddings=POSITIONS + 2)))


ARCHITECTURES: dict[str, tuple[Callable[[], Any], Callable[[int], Any]]] = {
    "bert": (_bert_tokenizer, _bert),
    "roberta": (_roberta_tokenizer, _roberta),
    "distilbert": (_cased_distilbert_tokenizer, _distilbert),
    "deberta": (_deberta_tokenizer, _deberta),
    "albert": (_albert_tokenizer, _albert),
    "electra": (_bert_tokenizer, _electra),
    "mpnet": (_mpnet_tokenizer, _mpnet),
}


def _chinese_tokenizer() -> Any:
    from transformers import BertTokenizer

    letters = sorted({letter for text in TEXTS_OF["zh"] for letter in text if not letter.isspace()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    return BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)})


def _german_tokenizer() -> Any:
    from transformers import DistilBertTokenizer

    words = sorted({word for text in TEXTS_OF["de"] for word in re.findall(r"[^\W\d_]{2,9}\b", text)})
    letters = sorted({*LETTERS, *(letter for word in words for letter in word)})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters), *words]
    return DistilBertTokenizer(
        vocab={piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, do_lower_case=False, strip_accents=False
    )


OF_OTHER_LANGUAGES: dict[str, tuple[Callable[[], Any], Callable[[int], Any]]] = {
    "german": (_german_tokenizer, _distilbert),
    "chinese": (_chinese_tokenizer, _bert),
}


def in_order(found):
    """Put what `MaskedLM.likeliest` yields into the order of the rows: ids and logits, (positions of all, count)."""
    rows = sorted(found, key=lambda item: item[0])
    return np.concatenate([ids for _, ids, _ in rows]), np.concatenate([logits for _, _, logits in rows])
