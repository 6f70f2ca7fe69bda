"""Texts become their pooled token states, to the bit the same whatever stands beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from tiny_models import ARCHITECTURES, DTYPES, bert_shape

from augment.errors import InputError, ModelError
from augment.models import pooling
from augment.models.checkpoints import load_masked_lm
from augment.models.encoder import Encoders, TextEncoder

pytestmark = pytest.mark.numeric

ODD = ["", " ", "x", "été, déjà vu", "No spaces" + "!" * 40, "日本語"]


def encoder(folder, **options):
    return TextEncoder(model=str(folder), device="cpu", **{"dtype": "float32", **options})


def plain(folder, texts, pooling="mean"):
    """One text at a time, by transformers alone."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    rows = []
    with torch.no_grad():
        for text in texts:
            tokens = tokenizer(text, return_tensors="pt", truncation=True)
            output = model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
            states = output.last_hidden_state[0]
            rows.append(
                {
                    "mean": lambda states: states.mean(dim=0),
                    "cls": lambda states: states[0],
                    "cls_mlp": lambda states, output=output: output.pooler_output[0],
                    "max": lambda states: states.max(dim=0).values,
                }[pooling](states).numpy()
            )
    return np.stack(rows)


@pytest.fixture
def texts(sentences):
    return [*sentences[:5], *ODD, " ".join(sentences[:9]), sentences[0]]


@pytest.fixture(scope="session")
def poolered(tmp_path_factory, tiny):
    """A tiny BERT with a trained pooler: not the one that a masked LM's checkpoint would be given."""
    return saved_encoder(tmp_path_factory.mktemp("encoders") / "poolered", tiny("bert"))


def saved_encoder(path, bert, **shape):
    """Save a tiny BERT without a head, of a shape of its own, beside the other's tokenizer."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(bert)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        BertModel(BertConfig(**bert_shape(len(tokenizer), **shape))).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


# In a pipeline of scikit-learn


def test_an_encoder_names_its_columns_and_keeps_the_index_of_a_column_of_texts(tiny, texts):
    whole = encoder(tiny("bert")).set_output(transform="pandas")
    column = pd.Series(texts, index=range(100, 100 + len(texts)))
    frame = whole.transform(column)
    assert frame.index.tolist() == column.index.tolist()
    assert frame.columns.tolist() == whole.get_feature_names_out().tolist()
    assert frame.columns[1] == "textencoder1"
    np.testing.assert_array_equal(frame.to_numpy(), encoder(tiny("bert")).encode(texts))

    table = pd.DataFrame({"text": column, "stars": 3.0})
    both = ColumnTransformer([("texts", whole, "text"), ("rest", "passthrough", ["stars"])])
    mixed = both.set_output(transform="pandas").fit_transform(table)
    assert mixed.columns[[0, -1]].tolist() == ["texts__textencoder0", "rest__stars"]
    assert mixed.index.tolist() == column.index.tolist()
    with pytest.raises(InputError, match=r"takes one column of texts\. Got a table of 2 columns\."):
        whole.transform(table)


def test_a_pipeline_clones_an_encoder_and_sets_its_parameters(tiny, texts):
    pipeline = Pipeline([("encode", encoder(tiny("bert"))), ("head", LogisticRegression())])
    copy = clone(pipeline).set_params(encode__pooling="max", encode__max_length=8)
    labels = [len(text) % 2 for text in texts]
    assert copy.fit(texts, labels)[0].pooling == "max"
    assert pipeline[0].pooling == "mean"
    assert copy.predict(texts).shape == (len(texts),)


def test_an_encoder_is_shown_without_opening_its_model():
    shown = TextEncoder(model="./no-such-folder", normalize=True)._repr_html_()
    assert "no-such-folder" in shown
    assert "features" not in shown.split("</style>")[-1].split("<script")[0]


# Poolers


STATES = torch.tensor([[[1.0, -2.0], [3.0, -6.0], [100.0, 100.0]], [[-5.0, 0.5], [7.0, 7.0], [8.0, 8.0]]])
MASK = torch.tensor([[1, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mask", [MASK, MASK.bool(), MASK.float()])
def test_poolers_by_hand(dtype, mask):
    states = STATES.to(dtype)
    for found, expected in (
        (pooling.mean(states, mask), [[2, -4], [-5, 0.5]]),
        (pooling.max(states, mask), [[3, -2], [-5, 0.5]]),
        (pooling.cls(states), [[1, -2], [-5, 0.5]]),
        (pooling.cls_mlp(states[:, 1]), [[3, -6], [7, 7]]),
    ):
        assert found.dtype is torch.float32
        assert found.tolist() == expected


@pytest.mark.parametrize("pooler", [pooling.mean, pooling.max])
def test_a_row_whose_mask_is_all_zero_gives_zeros(pooler):
    found = pooler(STATES, torch.tensor([[0, 0, 0], [1, 1, 1]]))
    assert found[0].tolist() == [0, 0]
    assert found[1].tolist() == pooler(STATES[1:], torch.ones(1, 3))[0].tolist()


@pytest.mark.parametrize("pooler", [pooling.mean, pooling.max])
def test_whatever_stands_under_the_padding_is_not_seen(pooler):
    other = torch.where(MASK.bool().unsqueeze(-1), STATES, torch.tensor(1e30))
    assert torch.equal(pooler(other, MASK), pooler(STATES, MASK))


@pytest.mark.parametrize("name", list(pooling.POOLERS))
def test_poolers_by_name_take_what_they_need_of_a_models_output(name):
    class Output:
        last_hidden_state = STATES
        pooler_output = STATES[:, 1]

    expected = {
        "mean": pooling.mean(STATES, MASK),
        "cls": STATES[:, 0],
        "cls_mlp": STATES[:, 1],
        "max": pooling.max(STATES, MASK),
    }
    assert torch.equal(pooling.POOLERS[name](Output, MASK), expected[name])


# Texts to vectors


@pytest.mark.parametrize("name", ["mean", "cls", "max"])
def test_vectors_are_the_pooled_token_states(folder, texts, name):
    found = encoder(folder, pooling=name).encode(texts)
    expected = plain(folder, texts, name)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_poolings_differ_and_the_mean_is_taken_unasked(poolered, texts):
    found = {name: encoder(poolered, pooling=name).encode(texts) for name in pooling.POOLERS}
    assert np.array_equal(encoder(poolered).encode(texts), found["mean"])
    assert len({vectors.tobytes() for vectors in found.values()}) == 4


def test_cls_mlp_is_the_models_own_pooler_output(poolered, texts):
    opened = encoder(poolered, pooling="cls_mlp")
    expected = plain(poolered, texts, "cls_mlp")
    assert np.abs(opened.encode(texts) - expected).max() <= 1e-5
    assert np.abs(expected).max() <= 1, "after a tanh"
    assert opened.prepare().untrained == ()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(pooling.POOLERS))
def test_vectors_are_bit_identical_whatever_the_batch_also_of_odd_width(tmp_path, bert, texts, name, dtype):
    odd = saved_encoder(tmp_path / "odd", bert, hidden_size=36, intermediate_size=52)
    same_whatever_the_batch(encoder(odd, pooling=name, dtype=dtype), texts)


@pytest.mark.parametrize(
    ("model", "dtype"),
    [
        # The others are tried in half precision as well, but not by default.
        pytest.param(model, dtype, marks=[] if dtype == "float32" or model in ("bert", "deberta") else pytest.mark.slow)
        for model in ARCHITECTURES
        for dtype in DTYPES
    ],
)
def test_vectors_are_bit_identical_whatever_the_batch_and_the_order(tiny, texts, model, dtype):
    """The poolers take a model's states as they are, whichever model it is: above they are all tried."""
    same_whatever_the_batch(encoder(tiny(model), dtype=dtype), texts)


def same_whatever_the_batch(opened, texts):
    expected = opened.encode(texts)
    for size in (1, 3, 7):
        opened.batch_size = size
        assert np.array_equal(opened.encode(texts), expected), size
    assert np.array_equal(opened.encode(texts[::-1])[::-1], expected)
    assert np.array_equal(np.concatenate([opened.encode([text]) for text in texts[::2]]), expected[::2])
    assert np.array_equal(expected[0], expected[-1])


def test_what_is_longer_than_the_model_takes_is_cut(bert, sentences):
    text = " ".join(sentences)
    opened = encoder(bert)
    cut = opened.prepare().tokenizer(text, truncation=True, max_length=64)["input_ids"]
    assert len(cut) == 64
    assert np.array_equal(opened.encode([text, text + " and more"])[0], opened.encode([text + " and more"])[0])
    short = encoder(bert, max_length=8)
    assert np.array_equal(short.encode([text]), short.encode([" ".join(text.split()[:10])]))
    assert not np.array_equal(short.encode([text]), opened.encode([text]))


@pytest.mark.parametrize("none", [[], ()])
def test_no_texts_give_no_vectors_of_the_right_width(bert, none):
    for normalize in (True, False):
        assert encoder(bert, normalize=normalize).encode(none).shape == (0, 64)
    assert encoder(bert).encode(none).dtype == np.float32


def test_normalized_vectors_have_length_one_and_the_same_direction(bert, texts):
    units, vectors = encoder(bert, normalize=True).encode(texts), encoder(bert).encode(texts)
    assert np.allclose(np.linalg.norm(units, axis=1), 1, atol=1e-6)
    assert np.allclose(units * np.linalg.norm(vectors, axis=1, keepdims=True), vectors, rtol=1e-4, atol=1e-5)


def test_any_sequence_of_texts_is_taken(bert, sentences):
    expected = encoder(bert).encode(sentences[:3])
    assert np.array_equal(encoder(bert).encode(tuple(sentences[:3])), expected)
    assert np.array_equal(encoder(bert).encode(np.array(sentences[:3], dtype=object)), expected)


@pytest.mark.parametrize("size", [1, 5, 64])
def test_progress_adds_up_to_the_texts(bert, texts, size):
    told: list[int] = []
    assert len(encoder(bert, batch_size=size).encode(texts, progress=told.append)) == len(texts)
    assert sum(told) == len(texts)
    assert all(0 < count <= size for count in told)
    assert len(told) > 1
    encoder(bert).encode([], progress=told.append)
    assert sum(told) == len(texts)


def test_progress_is_told_while_the_rest_is_waiting(bert, texts):
    """A caller that raises in it stops the encoding."""
    told = []

    def stop(count):
        told.append(count)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoder(bert, batch_size=1).encode(texts, progress=stop)
    assert told == [1]


def test_a_text_without_any_token_gets_zeros(bert, tmp_path, sentences):
    """Where the tokenizer puts nothing around a text."""
    from tokenizers import processors
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    backend = AutoTokenizer.from_pretrained(bert).backend_tokenizer
    backend.post_processor = processors.Sequence([])
    path = saved_encoder(tmp_path / "bare", bert)
    PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]").save_pretrained(path)
    for name in ("mean", "cls", "max"):
        told: list[int] = []
        opened = encoder(path, pooling=name, normalize=True)
        vectors = opened.encode(["", sentences[0], " "], progress=told.append)
        assert not vectors[[0, 2]].any()
        assert np.array_equal(vectors[1:2], opened.encode(sentences[:1]))
        assert sum(told) == 3


def test_what_made_the_vectors_is_told_and_can_be_made_again(bert, sentences):
    opened = encoder(bert, pooling="max", max_length=9, normalize=True, batch_size=3)
    assert opened.identity() == {
        "model": str(bert),
        "revision": opened.prepare().revision,
        "device": "cpu",
        "dtype": "float32",
    }
    parameters = {"model": str(bert), "revision": None, "pooling": "max", "max_length": 9, "normalize": True}
    assert opened.parameters() == parameters
    again = TextEncoder(**opened.parameters(), device="cpu", dtype="float32")
    assert np.array_equal(again.encode(sentences), opened.encode(sentences))


# What is refused


def refusal(expected, encode):
    with pytest.raises(expected) as caught:
        encode()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["roberta", "bert", "mpnet", "albert"])
def test_cls_mlp_is_refused_where_the_checkpoint_lacks_the_poolers_weights(tiny, name):
    """A masked LM's checkpoint has none, and transformers fills in random ones without a word."""
    opened = encoder(tiny(name), pooling="cls_mlp")
    weight = "pooler.bias" if name == "albert" else "pooler.dense.bias"
    assert refusal(ModelError, lambda: opened.encode(["a"])) == (
        f"The pooling 'cls_mlp' needs the pooler of {str(tiny(name))!r}, whose checkpoint lacks {weight!r} and 1 more"
        " weight. Give the pooling 'cls'."
    )
    assert "cls_mlp" in refusal(ModelError, lambda: opened.encode(["a"])), "the second time too"


def test_cls_mlp_is_refused_where_the_bundled_model_is_asked():
    assert "the pooler of 'mini', whose checkpoint lacks" in refusal(ModelError, TextEncoder(pooling="cls_mlp").prepare)


@pytest.mark.parametrize("name", ["distilbert", "electra", "deberta"])
def test_cls_mlp_is_refused_where_the_model_has_no_pooler(tiny, name):
    message = refusal(ModelError, encoder(tiny(name), pooling="cls_mlp").prepare)
    assert message.startswith(
        f"The pooling 'cls_mlp' needs a model with a pooler of its own, and {str(tiny(name))!r} ("
    )
    assert message.endswith(") has none. Give the pooling 'cls'.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"pooling": "avg"},
            "`pooling` of TextEncoder must be 'cls', 'cls_mlp', 'max' or 'mean'. Got 'avg'.",
        ),
        (
            {"pooling": "cls-mlp"},
            "`pooling` of TextEncoder must be 'cls', 'cls_mlp', 'max' or 'mean'. Got 'cls-mlp'."
            " Did you mean 'cls_mlp'?",
        ),
        ({"pooling": None}, "`pooling` of TextEncoder must be 'cls', 'cls_mlp', 'max' or 'mean'. Got None."),
        ({"batch_size": 0}, "`batch_size` of TextEncoder must be a whole number of 1 or more. Got 0."),
        (
            {"max_length": 2.5, "batch_size": "x"},
            "`max_length` of TextEncoder must be a whole number of 1 or more. Got 2.5. `batch_size` of TextEncoder must"
            " be a whole number of 1 or more. Got 'x'.",
        ),
    ],
)
def test_parameters_out_of_range_are_refused_before_a_model_is_looked_for(options, message):
    refused = TextEncoder(model="/no/such/folder", **options)
    assert refusal(InputError, lambda: refused.encode(["a"])) == message
    assert refusal(InputError, refused.check) == message


def test_a_length_that_leaves_room_for_no_token_is_refused(bert):
    for length in (1, 2):
        assert refusal(InputError, encoder(bert, max_length=length).prepare) == (
            f"`max_length` must be above 2, the special tokens of {str(bert)!r}. Got {length}."
        )
    assert encoder(bert, max_length=3).encode(["a film"]).any()


@pytest.mark.parametrize("wrong", [None, 3, float("nan"), b"a", ["a", "b"], ("a", "b"), np.array([["a"], ["b"]])])
def test_what_is_no_text_is_refused_by_its_row(wrong):
    refused = TextEncoder(model="/no/such/folder")
    message = refusal(InputError, lambda: refused.encode(["a", "", wrong, None]))
    assert message.startswith("The encoder takes strings. Got ")
    assert message.endswith(" in row 2, counted from 0. Leave it out.")


def test_one_text_alone_is_not_taken_for_its_letters():
    refused = TextEncoder(model="/no/such/folder")
    assert refusal(InputError, lambda: refused.encode("A film.")) == (
        "The encoder takes a sequence of texts. Got the string 'A film.'. Put it in a list."
    )


def test_a_model_that_there_is_not_is_refused_when_it_is_needed():
    refused = TextEncoder(model="/no/such/folder")
    with pytest.raises(ModelError, match="no model folder"):
        refused.encode(["a"])


# Encoders


def counted(encoders, model):
    """Count the texts that an encoder is really asked for."""
    asked: list[str] = []
    opened = encoders.get(model)
    encode = opened.encode
    opened.encode = lambda texts: (asked.extend(texts), encode(texts))[1]
    return asked


def test_what_was_encoded_once_is_found_again_and_given_the_same(bert, texts):
    encoders, model = Encoders(device="cpu"), str(bert)
    asked = counted(encoders, model)
    expected = TextEncoder(model=model, device="cpu", normalize=True).encode(texts)
    assert np.array_equal(encoders.encode(model, texts), expected)
    assert np.array_equal(encoders.encode(model, texts[5:] + texts[:5]), np.concatenate([expected[5:], expected[:5]]))
    assert sorted(asked) == sorted(set(texts)), "each text once, also where it is given twice"


def test_texts_used_least_lately_are_forgotten_first_and_come_out_the_same(bert, sentences):
    model = str(bert)
    expected = Encoders(device="cpu").encode(model, sentences[:6])
    encoders = Encoders(device="cpu", remembered=3)
    asked = counted(encoders, model)
    assert np.array_equal(encoders.encode(model, sentences[:6]), expected), "also more at once than are remembered"
    assert len(asked) == 6
    asked.clear()
    encoders.encode(model, sentences[3:5])  # 5 is now the one that was used least lately
    encoders.encode(model, [sentences[0]])
    assert asked == [sentences[0]]
    asked.clear()
    assert np.array_equal(encoders.encode(model, sentences[3:5]), expected[3:5])
    assert asked == []
    assert np.array_equal(encoders.encode(model, [sentences[5]]), expected[5:6])
    assert asked == [sentences[5]]


def test_what_a_caller_does_to_its_vectors_is_not_remembered(bert, sentences):
    encoders = Encoders(device="cpu")
    first = encoders.encode(str(bert), sentences[:2])
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(encoders.encode(str(bert), sentences[:2]), kept)


def test_a_remembered_vector_keeps_no_others_alive(bert, sentences):
    encoders = Encoders(device="cpu")
    encoders.encode(str(bert), sentences)
    (known,) = encoders._vectors.values()
    assert all(vector.base is None for vector in known.values())


def test_a_model_that_is_open_encodes_like_a_copy_of_it(bert, sentences):
    opened = load_masked_lm(str(bert), device="cpu", dtype="float32")
    encoders = Encoders(device="cpu", dtype="float32", opened=opened)
    assert encoders.get(str(bert)).prepare().model is opened.model.base_model
    alone = Encoders(device="cpu", dtype="float32")
    assert alone.get(str(bert)).prepare().model is not opened.model.base_model
    assert np.array_equal(encoders.encode(str(bert), sentences), alone.encode(str(bert), sentences))
    assert encoders.identity(str(bert)) == alone.identity(str(bert))


def test_each_model_has_its_own_encoder_and_memory(tiny, sentences):
    encoders = Encoders(device="cpu")
    one, other = str(tiny("bert")), str(tiny("roberta"))
    assert encoders.encode(one, sentences[:2]).shape == (2, 64)
    assert encoders.encode(other, sentences[:2]).shape == (2, 32)
    assert encoders.get(one) is encoders.get(one) is not encoders.get(other)
    assert encoders.encode(one, []).shape == (0, 64)
