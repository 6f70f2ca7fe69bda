"""An estimate of how often readers find a new row natural."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from augment.generation.candidates import Candidate
from augment.models.steadiness import ChangedText, Effects

OF_FIT = 0.177
"""What a score of 1 adds to the logit."""
OF_MEANING = 5.89
"""What a cosine of 1 adds to the logit."""
CONSTANT = -3.21


def logit(fit: float, meaning: float) -> float:
    """Return the logit of the estimate.

    The weights are those of a logistic regression on the judgements of readers: 314 rows that `mini` had made from
    tweets to airlines, film reviews, questions to a bank and the sample, in two readings by two readers each. 48 % of
    the rows were natural to both readers; rows on which they differed are left out. Cross-validated (10 folds,
    20 times) the area under the curve is .79. In the fifths of the rows, from the least likely to the likeliest, the
    estimate is .15, .33, .45, .63, .86 on average, and .13, .32, .43, .78, .75 of them were natural. With another
    model or another weight of likeness the estimate tells an order and no share.

    Parameters
    ----------
    fit : float
        Log-probability and likeness of the new word that fits worst.
    meaning : float
        Cosine of the states of an old word and the new one in its place, in the middle layer; of several words the
        smallest (`augment.models.steadiness.Effects`).

    Returns
    -------
    float
        Larger for a larger `fit` and a larger `meaning`.
    """
    return CONSTANT + OF_FIT * fit + OF_MEANING * meaning


def probability(logit: float) -> float:
    """Return the share that belongs to a logit, in [0, 1].

    Examples
    --------
    >>> probability(0.0), probability(-math.inf)
    (0.5, 0.0)
    """
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0


def estimated(
    fillings: Sequence[tuple[str, Candidate, float]], compare: Callable[[Sequence[ChangedText]], Effects]
) -> list[Candidate]:
    """Return candidates with their steadiness and their estimate.

    Parameters
    ----------
    fillings : sequence of (str, Candidate, float)
        A source, what was made of it, and how well the new word fits that fits worst.
    compare : callable
        `augment.models.steadiness.Steadiness.compare`.

    Returns
    -------
    list of Candidate
        In order.
    """
    effects = compare([ChangedText(source, made.text, made.replacements) for source, made, _ in fillings])
    return [
        replace(made, steadiness=steadiness, naturalness=probability(logit(fit, meaning)))
        for (_, made, fit), steadiness, meaning in zip(
            fillings, effects.steadiness.tolist(), effects.meaning.tolist(), strict=True
        )
    ]
