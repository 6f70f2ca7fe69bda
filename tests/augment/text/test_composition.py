"""Strategies put together of others, and every one of them as plain data and back."""

from __future__ import annotations

import json
import pickle
import typing
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from sklearn.base import clone

from augment import checks
from augment.errors import InputError
from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Guard
from augment.llm.engines import OF_ENDPOINTS, OF_LOCAL_MODELS
from augment.registry import GUARDS, STRATEGIES
from augment.text.base import TextStrategy, guard_encoders
from augment.text.composition import OneOf, Sequential, composed
from augment.text.duplication import Random
from augment.text.fill_mask import FillMask
from augment.text.nlpaug_edits import KeyboardEdit, OcrEdit, RandomCharEdit, RandomWordEdit
from augment.vectors.base import VectorSampler
from augment.words import Replacement, splice

TEXT = "The shop on the corner opens at nine and closes at six."


def draws(count: int, text: str = TEXT, **others: Any) -> list[Draw]:
    return [
        Draw(**{"text": text, "label": 0, "source": 3, "variant": v, "attempt": 0, "seed": 7} | others)
        for v in range(count)
    ]


def texts(strategy: TextStrategy, asked: Sequence[Draw]) -> list[str | None]:
    strategy.prepare()
    return [candidate and candidate.text for candidate in strategy.candidates(asked)]


class Numbered(TextStrategy):
    """Put the first number of a draw before the text: tells which stream was drawn from."""

    name = "numbered"
    summary = "for tests"

    def candidates(self, draws):
        new = [f"{draw.generator().integers(2**32)} " for draw in draws]
        return [Candidate(n + draw.text, (Replacement(0, 0, n),)) for n, draw in zip(new, draws, strict=True)]


class Never(Numbered):
    """Find nothing, ever."""

    def candidates(self, draws):
        return [None] * len(draws)


class Silent(Numbered):
    """Change a text without saying where."""

    def candidates(self, draws):
        return [Candidate(draw.text + " indeed") for draw in draws]


@checks.parametrize_with_checks(
    [
        Sequential(steps=[RandomWordEdit(action="swap"), KeyboardEdit()]),
        OneOf(choices=[RandomWordEdit(), OneOf(choices=[OcrEdit(), KeyboardEdit()])], weights=(1, 2.5)),
        Sequential(steps=[Random()]),
    ]
)
def test_compositions_keep_the_contract(strategy, check):
    check(strategy)


# Sequential


def test_a_step_works_on_what_the_step_before_gave():
    strategy = Sequential(steps=[RandomWordEdit(action="swap", aug_p=1.0), KeyboardEdit()])
    strategy.prepare()
    (draw,) = draws(1)
    (candidate,) = strategy.candidates([draw])
    first = strategy._of_part(0, [draw], [TEXT])[0]
    second = strategy._of_part(1, [draw], [first.text])[0]
    assert candidate.text == second.text != first.text != TEXT


def test_two_steps_of_one_kind_draw_different_numbers_also_when_nested():
    inner = Sequential(steps=[Numbered(), Numbered()])
    strategy = Sequential(steps=[inner, Numbered(), OneOf(choices=[Numbered()]), Numbered()])
    numbers = [text.split()[:5] for text in texts(strategy, draws(20))]
    assert len({n for row in numbers for n in row}) == 100
    assert texts(Numbered(), draws(1))[0].split()[0] not in numbers[0], "no step draws as it would alone"


def test_steps_draw_the_same_for_the_same_draw_and_anew_for_another_seed():
    strategy = Sequential(steps=[Numbered(), Numbered()])
    assert texts(strategy, draws(5)) == texts(strategy, draws(5))
    assert set(texts(strategy, draws(5))).isdisjoint(texts(strategy, draws(5, seed=8)))
    mixed = [draw._replace(seed=7 + i % 2) for i, draw in enumerate(draws(6))]
    assert texts(strategy, mixed) == [texts(strategy, [draw])[0] for draw in mixed]


def test_a_step_that_finds_nothing_hands_the_text_on_and_all_of_them_give_none():
    alone = texts(Sequential(steps=[Never(), Numbered()]), draws(3))
    assert texts(Sequential(steps=[Never(), Numbered(), Never()]), draws(3)) == alone
    assert all(text.endswith(f" {TEXT}") for text in alone)
    assert texts(Sequential(steps=[Never(), Never()]), draws(3)) == [None] * 3


def test_a_copying_step_does_nothing_and_hides_no_source_without_anything():
    assert texts(Sequential(steps=[Random(), Never()]), draws(2)) == [None] * 2
    assert texts(Sequential(steps=[Random(), Random()]), draws(2)) == [TEXT] * 2


def test_replacements_are_told_in_the_source_and_left_out_where_a_step_does_not_tell():
    strategy = Sequential(steps=[RandomWordEdit(aug_p=0.3), KeyboardEdit(aug_p=0.5), RandomCharEdit(action="insert")])
    strategy.prepare()
    for draw, candidate in zip(draws(30), strategy.candidates(draws(30)), strict=True):
        assert candidate.replacements
        assert splice(draw.text, candidate.replacements) == candidate.text
        assert len(candidate.replacements) > 1, "words that were left alone part them"
    for steps in ([Numbered(), Silent()], [Silent(), Numbered()]):
        assert Sequential(steps=steps).candidates(draws(1))[0].replacements == ()


@st.composite
def replacements(draw: Any, text: str) -> list[Replacement]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return [
        Replacement(start, end, draw(st.text("abc ", max_size=3)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]


@settings(max_examples=200)
@given(st.data(), st.text("abc ", max_size=12))
def test_composed_replacements_do_what_both_do_one_after_the_other(data, text):
    first = data.draw(replacements(text))
    between = splice(text, first)
    second = data.draw(replacements(between))
    both = composed(text, first, second)
    assert splice(text, both) == splice(between, second)
    assert all(text[r.start : r.end] != r.new for r in both)
    assert composed(text, first, []) == composed(text, [], first)


def test_a_word_that_no_step_touched_is_in_no_replacement():
    first, second = [Replacement(2, 6, "fine")], [Replacement(7, 10, "new"), Replacement(11, 15, "book")]
    assert composed("a good old film", first, second) == (
        Replacement(2, 6, "fine"),
        Replacement(7, 10, "new"),
        Replacement(11, 15, "book"),
    )
    assert composed("a good film", [Replacement(2, 6, "fine")], [Replacement(2, 6, "good")]) == ()


# OneOf


def test_choices_are_drawn_by_weight_and_by_each_draw_anew():
    strategy = OneOf(choices=[Numbered(), Silent()], weights=(1, 3))
    asked = [*draws(500), *draws(500, attempt=1)]
    silent = [text.endswith("indeed") for text in texts(strategy, asked)]
    assert 690 < sum(silent) < 810
    assert silent[:500] != silent[500:]
    assert silent == [texts(strategy, [draw])[0].endswith("indeed") for draw in asked]
    assert texts(strategy, asked[::-1]) == texts(strategy, asked)[::-1]


def test_a_choice_within_a_choice_is_drawn_apart_from_it():
    inner = [OneOf(choices=[Silent(), Numbered()]) for _ in range(2)]
    strategy = OneOf(choices=[Sequential(steps=[Silent(), inner[0]]), inner[1]])
    found = Counter(text.count("indeed") for text in texts(strategy, draws(400)))
    assert all(60 < found[n] < 240 for n in (0, 1, 2)), "neither follows from the other"


def test_where_the_drawn_choice_finds_nothing_the_others_are_asked():
    strategy = OneOf(choices=[Never(), Silent(), Never()])
    assert texts(strategy, draws(30)) == [f"{TEXT} indeed"] * 30
    assert texts(OneOf(choices=[Never(), Never()]), draws(3)) == [None] * 3


def test_a_draw_that_falls_to_a_copying_choice_is_rejected_as_unchanged_and_tried_again():
    strategy = OneOf(choices=[Random(), KeyboardEdit()], random_state=0)
    assert not strategy.copies
    new, y = strategy.fit_resample(
        [TEXT, "We sat upstairs by the window.", *(f"{n} good days" for n in range(12))], [0] * 2 + [1] * 12
    )
    assert y.count(0) == 12
    assert strategy.rejections_["changed"] > 0
    assert len(set(new)) == len(new)
    assert texts(OneOf(choices=[Random(), Never()]), draws(40)).count(None) > 0, "a copy is no way out"


# Both


@pytest.mark.parametrize(("cls", "holds"), [(Sequential, "steps"), (OneOf, "choices")])
def test_it_copies_only_if_all_parts_do_and_brings_the_guards_of_all(cls, holds):
    assert cls(**{holds: [Random(), Random()]}).copies
    assert not cls(**{holds: [Random(), KeyboardEdit()]}).copies
    parts = [KeyboardEdit(), OcrEdit(), Random(), KeyboardEdit(protect=("shop",))]
    guards = cls(**{holds: parts}).own_guards()
    assert [(guard.name, guard.protect) for guard in guards] == [("protected_span", ()), ("protected_span", ("shop",))]
    assert cls(**{holds: parts}).identity() == {"parts": [part.identity() for part in parts]}


@pytest.mark.parametrize(("cls", "holds"), [(Sequential, "steps"), (OneOf, "choices")])
def test_it_is_cloned_printed_pickled_and_set_part_by_part(cls, holds):
    strategy = cls(**{holds: [KeyboardEdit(aug_p=0.3), Sequential(steps=[OcrEdit(aug_max=4)])]})
    for copy in (clone(strategy), pickle.loads(pickle.dumps(strategy))):
        assert copy.to_config() == strategy.to_config()
        assert copy.parts[0] is not strategy.parts[0]
    deep = strategy.get_params()
    assert (deep[f"{holds}__0__aug_p"], deep[f"{holds}__1__steps__0__aug_max"]) == (0.3, 4)
    strategy.set_params(**{f"{holds}__1__steps__0__aug_max": 7, "random_state": 1})
    assert (strategy.parts[1].steps[0].aug_max, strategy.random_state) == (7, 1)
    with pytest.raises(ValueError, match=f"has no parameter '{holds}__2__aug_p'"):
        strategy.set_params(**{f"{holds}__2__aug_p": 1})
    assert "KeyboardEdit(aug_p=0.3)" in repr(strategy)


def test_a_notebook_shows_each_part_with_its_own_parameters():
    strategy = OneOf(choices=[RandomWordEdit(), Sequential(steps=[KeyboardEdit(aug_max=4)])])
    shown = strategy._repr_html_()
    assert all(f">{part}<" in shown for part in ("0: RandomWordEdit", "1: Sequential", "KeyboardEdit"))
    assert "choices__0" not in shown
    assert "steps__0" not in shown
    assert "sk-parallel" in shown
    assert OneOf(choices="not a list")._repr_html_()


def test_every_mistake_of_every_part_is_told_in_one_error():
    wrong = Sequential(steps=[KeyboardEdit(aug_p=3), 5, OneOf(choices=[OcrEdit(aug_min=0)], weights=(1, 2))])
    with pytest.raises(InputError) as caught:
        wrong.check()
    assert str(caught.value) == (
        "In `steps[0]` of Sequential: `aug_p` of KeyboardEdit must be a number in (0, 1]. Got 3."
        " `steps[1]` of Sequential must be a strategy, e.g. FillMask(). Got 5."
        " In `steps[2]` of Sequential: `weights` of OneOf must be one number above 0 for each of the choices, or None."
        " Got weights=(1, 2), choices=[OcrEdit(aug_min=0)]."
        " In `choices[0]` of OneOf: `aug_min` of OcrEdit must be a whole number of 1 or more. Got 0."
    )
    for parts in ([], None, KeyboardEdit()):
        with pytest.raises(InputError, match="`choices` of OneOf must be a list of at least one strategy"):
            OneOf(choices=parts).fit_resample(["a", "b", "c"], [0, 1, 1])
    for weights in ((0.0,), (-1,), (float("nan"),), (True,), "1"):
        with pytest.raises(InputError, match="`weights` of OneOf"):
            OneOf(choices=[OcrEdit()], weights=weights).check()


# As plain data


VALID = {
    "protect_patterns": st.lists(st.sampled_from([r"\d+", "a|b", r"\bx\b"]), max_size=2).map(tuple),
    "weights": st.none(),
    "dtype": st.sampled_from(["auto", "float32", "int8"]),
    "language": st.sampled_from(["en", "de", "fr"]),
    "segmenter": st.sampled_from([None, "icu"]),
    "attributes": st.sampled_from([None, {"length": ("short", "long")}]),
    "class_descriptions": st.sampled_from([None, {"neutral": "facts"}]),
    "price": st.sampled_from([None, (0.5, 2.0)]),
    "top_p": st.sampled_from([0.5, 1.0]),
}
"""What a type alone does not say."""


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a declared type."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin is tuple:
        return st.lists(values(inner[0]), min_size=1, max_size=3).map(tuple)
    if origin is list:
        return st.lists(values(inner[0]), min_size=1, max_size=2)
    if inner:
        return st.one_of([values(kind) for kind in inner])
    if hint is TextStrategy:
        return st.sampled_from(PARTS).flatmap(lambda name: configured(STRATEGIES, name))
    kinds = {
        bool: st.booleans(),
        int: st.integers(2, 500),
        float: st.floats(0.01, 1.9),
        str: st.one_of(st.text(max_size=8), st.sampled_from(["none", "a,b", "[1]", "true"])),
        type(None): st.none(),
    }
    return kinds[hint]


@st.composite
def configured(draw: Any, registry: Any, name: str) -> Any:
    """One of a registry, with any parameters."""
    cls = registry.find(name)
    known = registry.parameters(cls)
    hints = typing.get_type_hints(cls.__init__) if known else {}
    given = {key: draw(VALID[key] if key in VALID else values(hints[key])) for key in known}
    if name == "llm":  # which has no use for parameters of another engine, or of another recipe
        idle = OF_ENDPOINTS if given["engine"] == "local" else OF_LOCAL_MODELS
        given |= {key: known[key].default for key in (*idle, *(() if given["recipe"] == "new" else ("exemplars",)))}
    if name == "seq2seq":  # whose languages form a chain, and which does not sample with beams
        given |= {key: known[key].default for key in ("src_lang", "tgt_lang", "temperature", "top_k", "top_p")}
        given |= {
            key: given[key] if len(given[key]) == len(given["models"]) else () for key in ("revisions", "prefixes")
        }
    if name == "relabel":  # which has no use for parameters of another judge
        idle = ("base_url", "key_file", "answers", "class_descriptions")
        if given["by"] == "llm":
            idle, given["model"] = ("teacher", "folds", "max_rows"), "gpt-5-mini"
        given |= {key: known[key].default for key in (*idle, *(() if given["keep"] else ("least",)))}
    made = cls(**given)
    try:
        made.check()
    except InputError:
        reject()
    return made


OURS = list(STRATEGIES.own)
PARTS = [name for name in OURS if STRATEGIES.find(name).kind == "text" and name not in ("sequential", "one_of")]
"""What can be a part of another, and has none itself."""
ROUNDS = settings(max_examples=15, suppress_health_check=list(HealthCheck))


def through_json(config: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(config))


def parameters(strategy: Any) -> Any:
    """The parameters, those of nested strategies in place."""
    if isinstance(strategy, (TextStrategy, VectorSampler)):
        return type(strategy), {key: parameters(value) for key, value in strategy.get_params(deep=False).items()}
    return [parameters(item) for item in strategy] if isinstance(strategy, list) else strategy


@pytest.mark.parametrize("name", OURS)
@ROUNDS
@given(data=st.data())
def test_every_strategy_goes_to_json_and_back(name, data):
    strategy = data.draw(configured(STRATEGIES, name))
    back = STRATEGIES.from_config(through_json(STRATEGIES.to_config(strategy)))
    assert parameters(back) == parameters(strategy)


@pytest.mark.parametrize("name", list(GUARDS.own))
@ROUNDS
@given(data=st.data())
def test_every_guard_goes_to_json_and_back(name, data):
    guard = data.draw(configured(GUARDS, name))
    back = Guard.from_config(through_json(guard.to_config()))
    assert type(back) is type(guard)
    assert vars(back) == vars(guard)


def test_weights_and_numbers_of_numpy_go_to_json_and_back():
    import numpy as np

    strategy = OneOf(choices=[FillMask(mask_ratio=np.float32(0.5), top_k=np.int64(9)), OcrEdit()], weights=(1, 2.5))
    back = TextStrategy.from_config(through_json(strategy.to_config()))
    assert (back.weights, back.choices[0].mask_ratio, back.choices[0].top_k) == ((1, 2.5), 0.5, 9)


def test_a_text_in_a_configuration_is_taken_as_it_is_and_on_a_command_line_it_is_read():
    assert FillMask.from_config({"name": "fillmask", "parameters": {"revision": "none"}}).revision == "none"
    assert STRATEGIES.create("fillmask", {"revision": "none"}).revision is None
    options = {"top_k": "none", "protect": "a,b"}
    strategy = STRATEGIES.from_config({"name": "fillmask", "parameters": {"top_k": 3, "top_p": 0.5}}, options)
    assert (strategy.top_k, strategy.top_p, strategy.protect) == (None, 0.5, ("a", "b"))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"name": "sequental"}, "There is no strategy 'sequental'."),
        ({"name": "sequental"}, "Did you mean 'sequential'?"),
        ({"parameters": {}}, 'A strategy is written {"name": …, "parameters": {…}}. Got {\'parameters\': {}}.'),
        ({"name": "random", "paramters": {}}, "has no key 'paramters' beside 'name' and 'parameters'. Did you mean"),
        ({"name": "random", "parameters": [1]}, "must be a mapping of names to values. Got [1]."),
        ({"name": "sequential"}, "needs a value for 'steps', which is for a strategy made of others"),
        (
            {"name": "sequential", "parameters": {"steps": "random,fillmask"}},
            "A text cannot express `sequential.steps`",
        ),
        (
            {"name": "sequential", "parameters": {"steps": [{"name": "randm"}, {"name": "random", "x": 1}, 3]}},
            "In `sequential.steps[0]`: There is no strategy 'randm'.",
        ),
        (
            {"name": "sequential", "parameters": {"steps": [{"name": "randm"}, {"name": "random", "x": 1}, 3]}},
            "In `sequential.steps[1]`: The strategy 'random' has no key 'x'",
        ),
        (
            {"name": "sequential", "parameters": {"steps": [{"name": "randm"}, {"name": "random", "x": 1}, 3]}},
            'In `sequential.steps[2]`: A strategy is written {"name": …, "parameters": {…}}. Got 3.',
        ),
        (
            {"name": "sequential", "parameters": {"steps": [{"name": "random"}, {"name": "smote"}]}},
            "`sequential.steps[1]` cannot be 'smote', which makes vectors, not texts.",
        ),
        (
            {"name": "one_of", "parameters": {"choices": [{"name": "gan-smote"}, {"name": "random"}]}},
            "`one_of.choices[0]` cannot be 'gan-smote', which makes vectors, not texts.",
        ),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused_in_one_line(config, says):
    with pytest.raises(InputError) as caught:
        TextStrategy.from_config(config)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_of_another_class_is_refused():
    with pytest.raises(InputError, match="is of 'random', which is not a FillMask"):
        FillMask.from_config({"name": "random"})
    with pytest.raises(InputError, match="is of 'smote', which is not a TextStrategy"):
        TextStrategy.from_config({"name": "smote"})
    with pytest.raises(InputError, match="is of 'changed', which is not a LengthRatio"):
        GUARDS.find("length_ratio").from_config({"name": "changed"})


def test_guards_of_a_composition_run_where_its_first_model_does():
    made = guard_encoders(Sequential(steps=[KeyboardEdit(), FillMask(device="cpu", dtype="float32")]))
    assert (made.device, made.dtype) == ("cpu", "float32")
    made = guard_encoders(FillMask(device="cuda"))
    assert (made.device, made.dtype) == ("cuda", None)
    made = guard_encoders(STRATEGIES.create("random", {}))
    assert (made.device, made.dtype) == ("auto", None)
