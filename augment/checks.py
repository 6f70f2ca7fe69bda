"""The public contract of text strategies, as checks that you can run on your own strategy."""

from __future__ import annotations

import inspect
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from augment.generation.candidates import Candidate, Draw
from augment.guards.base import Originals
from augment.text.base import TextStrategy
from augment.words import folded, splice

TEXTS = (
    "The shop on the corner opens at nine and closes at six on most days.",
    "We sat upstairs by the window and ordered two coffees with a slice of cake.",
    "Zoë's café — the “old” one — moved to the other side of the street last year.",
    "It was n't clear to me when the second part of the story takes place .",
    "   The parcel came on Monday, the manual on Tuesday; both in one large box.\t",
    "My sister bought the blue version, and I took the green one home with me. 😀",
    "",
    "A wonderful evening with great food and the kindest staff we have ever met!",
    "I loved every minute of this film and would happily see it again tomorrow.",
    "They fixed the old machine in an hour and asked for a very fair price.",
    "The best hotel of the whole trip, with a quiet room and a lovely garden.",
    "Everything works as it should, and the battery lasts for several days.",
    "What a charming little book, funny and sad and wise on every single page.",
    "Our guide knew every stone of the city and told us the best stories.",
    "The new app is fast and simple and does exactly what I wanted it to do.",
    "Fresh bread, friendly people, and the finest view over the old harbour.",
)
TEXTS_OF = {
    "de": (
        "Der Laden an der Ecke öffnet um neun und schließt an den meisten Tagen um sechs.",
        "Wir saßen oben am Fenster und bestellten zwei Kaffee und ein Stück Kuchen.",
        "Das „alte“ Café – im Haus gegenüber – zog letztes Jahr auf die andere Seite der Straße.",
        "Mir war nicht klar, wann der zweite Teil der Geschichte spielt .",
        "   Das Paket kam am Montag, die Anleitung am Dienstag; beides in einer großen Kiste.\t",
        "Meine Schwester kaufte das blaue Heft, und ich nahm das grüne mit nach Hause. 😀",
        "",
        "Ein wunderbarer Abend mit gutem Essen und den nettesten Leuten der ganzen Stadt!",
        "Ich mochte jede Minute dieses Films und würde ihn morgen gern wieder sehen.",
        "Sie haben die alte Maschine in einer Stunde zu einem fairen Preis repariert.",
        "Das beste Hotel der ganzen Reise, mit ruhigem Zimmer und schönem Garten.",
        "Alles geht so, wie es soll, und der Akku hält mehrere Tage.",
        "Was für ein reizendes kleines Buch, lustig und klug auf jeder einzelnen Seite.",
        "Unser Führer kannte jeden Stein der Stadt und erzählte die besten Geschichten.",
        "Das neue Programm ist schnell und einfach und macht genau, was ich wollte.",
        "Frisches Brot, freundliche Leute und der schönste Blick über den alten Hafen.",
    ),
    "zh": (
        "街角的商店早上开门晚上关门。",
        "我们坐在楼上的窗户旁边，点了咖啡和蛋糕。",
        "那家“老”咖啡馆——去年搬到了马路对面。",
        "我不清楚故事的后半部分发生在什么时候 。",
        "   包裹星期天到了，说明书后来才到；都在大箱子里。\t",
        "姐姐买了蓝色的本子，我把绿色的带回家了。😀",
        "",
        "美好的夜晚，菜很好吃，服务员也非常热情！",
        "这部电影的每分钟我都喜欢，明天还想再看。",
        "他们很快修好了旧机器，价钱也很公道。",
        "整个旅行中最好的酒店，房间安静，花园漂亮。",
        "所有功能都很正常，电池可以用好几天。",
        "多么可爱的小书，有趣又聪明。",
        "导游熟悉城市的每块石头，故事讲得最好。",
        "新的软件又快又简单，正是我想要的。",
        "新鲜的面包，友好的人们，还有老港口最美的风景。",
    ),
}
"""The texts for strategies whose `language` is another than English; likewise 7 and 9."""
LABELS = ("neutral",) * 7 + ("positive",) * 9
WANTED = {"neutral": 9, "positive": 12}


def check_parameters_round_trip(strategy: TextStrategy) -> None:
    """The constructor is keyword-only, takes no `**kwargs` and stores its arguments, so that a clone is possible."""
    for parameter in list(inspect.signature(type(strategy).__init__).parameters.values())[1:]:
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, (
            f"{type(strategy).__name__}.__init__ must take keywords only and no **kwargs; {parameter.name!r} is"
            f" {parameter.kind.description}."
        )
    parameters = strategy.get_params(deep=False)
    rebuilt = clone(strategy).get_params(deep=False)
    assert repr(rebuilt) == repr(parameters), f"A clone has other parameters: {rebuilt} instead of {parameters}."


def check_one_candidate_for_each_draw(strategy: TextStrategy) -> None:
    """`candidates` gives one Candidate or None for each draw, also for no draws and for an empty text."""
    _prepare(strategy)
    for draws in ([], _draws(strategy), [Draw("", "neutral", 0, 0, 0, 0), Draw("…", "neutral", 1, 0, 0, 0)]):
        candidates = strategy.candidates(draws)
        assert len(candidates) == len(draws), f"{len(draws)} draws gave {len(candidates)} candidates."
        for candidate in candidates:
            assert candidate is None or isinstance(candidate, Candidate), (
                f"Got {candidate!r}, neither a Candidate nor None."
            )


def check_candidates_depend_on_their_draw_alone(strategy: TextStrategy) -> None:
    """A candidate does not depend on batches, order or repetition: all its randomness comes from its draw."""
    _prepare(strategy)
    draws = _draws(strategy)
    together = strategy.candidates(draws)
    alone = [strategy.candidates([draw])[0] for draw in draws]
    backwards = strategy.candidates(draws[::-1])[::-1]
    for draw, first, *others in zip(draws, together, alone, backwards, strict=True):
        for other in others:
            assert first == other, f"{draw.text!r} gave {_text(first)!r} in one batch and {_text(other)!r} in another."


def check_draws_differ(strategy: TextStrategy) -> None:
    """Other variants, attempts, sources and seeds give other candidates.

    Strategies that copy are exempt. Those whose variants are lists (`TextStrategy.ranked`) take no notice of seeds, nor
    of the number of a source.
    """
    if strategy.copies:
        return
    _prepare(strategy)
    first = Draw(_texts(strategy)[0], "neutral", 0, 0, 0, 0)._asdict()
    for name in ("variant", "attempt", *(() if strategy.ranked else ("source", "seed"))):
        texts = {_text(c) for c in strategy.candidates([Draw(**first | {name: i}) for i in range(12)])}
        assert len(texts) > 1, f"Twelve draws that differ in their {name} all gave {texts.pop()!r}."


def check_output_changes(strategy: TextStrategy) -> None:
    """A candidate differs from its source, in more than case and punctuation; strategies that copy are exempt."""
    if strategy.copies:
        return
    _prepare(strategy)
    for draw, candidate in zip(_draws(strategy), strategy.candidates(_draws(strategy)), strict=True):
        if candidate is not None:
            assert folded(candidate.text, " ") != folded(draw.text, " "), f"{draw.text!r} came back as it was."


def check_replacements_explain_the_text(strategy: TextStrategy) -> None:
    """Where replacements are recorded, they turn the source into the candidate, byte for byte."""
    _prepare(strategy)
    for draw, candidate in zip(_draws(strategy), strategy.candidates(_draws(strategy)), strict=True):
        if candidate is not None and candidate.replacements:
            explained = splice(draw.text, candidate.replacements)
            assert explained == candidate.text, (
                f"The replacements give {explained!r}, the candidate {candidate.text!r}."
            )


def check_budget_is_met_or_the_shortfall_reported(strategy: TextStrategy) -> None:
    """Rows made and rows reported missing add up to the budget, class by class."""
    fitted, _, y = _resampled(strategy)
    made = Counter(y[len(LABELS) :])
    for label, total in WANTED.items():
        requested = total - LABELS.count(label)
        assert made[label] + fitted.shortfall_.get(label, 0) == requested, (
            f"{requested} rows of {label!r} were asked for, {made[label]} made, and"
            f" {fitted.shortfall_.get(label, 0)} reported missing."
        )
        assert made[label], f"Not one row of {label!r} was made from {len(LABELS)} ordinary sentences."


def check_originals_come_first(strategy: TextStrategy) -> None:
    """The originals stand first, in order and untouched, and the caller's containers are not changed."""
    originals = list(_texts(strategy))
    texts, labels = list(originals), list(LABELS)
    _, new_texts, new_labels = _resampled(strategy, texts, labels)
    assert texts == originals, "The list of texts that was given was changed."
    assert labels == list(LABELS), "The list of labels that was given was changed."
    assert new_texts[: len(texts)] == texts, "The originals do not stand first, in order and untouched."
    assert new_labels[: len(labels)] == labels, "The labels of the originals do not stand first and untouched."


def check_sources_are_true(strategy: TextStrategy) -> None:
    """`source_indices_` names a source of the row's own class that is not empty."""
    fitted, texts, labels = _resampled(strategy)
    sources = fitted.source_indices_
    assert len(sources) == len(texts) - len(LABELS), "There is not one source for each new row."
    for source, label in zip(sources, labels[len(LABELS) :], strict=True):
        assert LABELS[source] == label, f"A new row of {label!r} has a source of {LABELS[source]!r}."
        assert _texts(strategy)[source].strip(), "A new row was made from an empty text."


def check_the_fewest_rows_suffice(strategy: TextStrategy) -> None:
    """A class with as few texts as `fewest_rows` says gets new rows."""
    every = _texts(strategy)
    own = [i for i, text in enumerate(every) if text and LABELS[i] == "neutral"][: strategy.fewest_rows]
    rows = [*own, *(i for i, label in enumerate(LABELS) if label == "positive")]
    fitted = clone(strategy).set_params(random_state=0, sampling_strategy={"neutral": len(own) + 3})
    _, y = fitted.fit_resample([every[i] for i in rows], [LABELS[i] for i in rows])
    assert len(y) > len(rows), f"No row was made of a class with {len(own)} texts, which `fewest_rows` calls enough."


def check_same_seed_same_rows(strategy: TextStrategy) -> None:
    """The same seed gives the same rows, and another seed gives other rows (unless the strategy copies)."""
    first, again = _resampled(strategy)[1], _resampled(strategy)[1]
    assert first == again, "Two runs with one seed gave different rows."
    assert strategy.copies or _resampled(strategy, seed=1)[1] != first, "Two seeds gave the same rows."


def check_containers_come_back(strategy: TextStrategy) -> None:
    """Lists, arrays and Series come back in the same type."""
    import pandas as pd

    for container in (list, np.array, pd.Series):
        _, texts, labels = _resampled(strategy, container(list(_texts(strategy))), container(list(LABELS)))
        expected = type(container([""]))
        assert type(texts) is expected, f"Texts given as {expected.__name__} came back as {type(texts).__name__}."
        assert type(labels) is expected, f"Labels given as {expected.__name__} came back as {type(labels).__name__}."


def check_global_generators_are_left_alone(strategy: TextStrategy) -> None:
    """The global generators of random, numpy and torch are not changed."""
    import torch

    def states() -> tuple[Any, ...]:
        return random.getstate(), repr(np.random.get_state()), torch.random.get_rng_state().tolist()  # noqa: NPY002

    before = states()
    _resampled(strategy)
    for name, old, new in zip(("random", "numpy", "torch"), before, states(), strict=True):
        assert old == new, f"The global generator of {name} was used or seeded."


CHECKS: tuple[Callable[[TextStrategy], None], ...] = (
    check_parameters_round_trip,
    check_one_candidate_for_each_draw,
    check_candidates_depend_on_their_draw_alone,
    check_draws_differ,
    check_output_changes,
    check_replacements_explain_the_text,
    check_budget_is_met_or_the_shortfall_reported,
    check_originals_come_first,
    check_sources_are_true,
    check_the_fewest_rows_suffice,
    check_same_seed_same_rows,
    check_containers_come_back,
    check_global_generators_are_left_alone,
)


def parametrize_with_checks(strategies: Sequence[TextStrategy]) -> Callable[..., Any]:
    """Return a pytest decorator that runs every check over every strategy.

    Parameters
    ----------
    strategies : sequence of TextStrategy
        Configured, not fitted.

    Returns
    -------
    callable
        Decorates a test with the arguments ``strategy`` and ``check``.

    References
    ----------
    Modelled on imbalanced-learn's function of the same name, which judges samplers of vectors.

    Examples
    --------
    >>> from augment import FillMask
    >>> @parametrize_with_checks([FillMask()])
    ... def test_contract(strategy, check):
    ...     check(strategy)
    """
    import pytest

    cases = [
        pytest.param(strategy, check, id=f"{strategy.name}-{check.__name__}")
        for strategy in strategies
        for check in CHECKS
    ]
    return pytest.mark.parametrize(("strategy", "check"), cases)


def _prepare(strategy: TextStrategy) -> None:
    """Let a strategy learn from the texts, and open what it needs, as a run does."""
    strategy.learn(
        Originals(texts=list(_texts(strategy)), labels=list(LABELS), held_out=[], seed=0, language=strategy.language)
    )
    strategy.prepare()


def _draws(strategy: TextStrategy) -> list[Draw]:
    rows = zip(_texts(strategy), LABELS, strict=True)
    return [Draw(text, label, i, 0, 0, 0) for i, (text, label) in enumerate(rows) if text]


def _texts(strategy: TextStrategy) -> tuple[str, ...]:
    """Return the texts in the language of a strategy."""
    return TEXTS_OF.get(strategy.language or "en", TEXTS)


def _resampled(
    strategy: TextStrategy, texts: Any = None, labels: Any = None, seed: int = 0
) -> tuple[TextStrategy, Any, Any]:
    """Fit a clone to a small data set; by default to lists."""
    fitted = clone(strategy).set_params(random_state=seed, sampling_strategy=WANTED)
    return fitted, *fitted.fit_resample(
        list(_texts(strategy)) if texts is None else texts, list(LABELS) if labels is None else labels
    )


def _text(candidate: Candidate | None) -> str | None:
    return None if candidate is None else candidate.text
