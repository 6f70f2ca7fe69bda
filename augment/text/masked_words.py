"""Which words of a text are masked, and which of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def masked_words(
    replaceability: Sequence[float],
    *,
    turn: int,
    least: int,
    together: int,
    weight: float,
    rng_of: Callable[[int], np.random.Generator],
) -> list[list[int]]:
    """Draw words of a text to mask, in one or more maskings.

    Words are drawn in rounds. Each comes once in a round, so the next turns mask words that those before have not.

    Parameters
    ----------
    replaceability : sequence of float
        That of each word that may be replaced; at least one word.
    turn : int
        How often words of this text were drawn before.
    least : int
        Words to draw, 1 or more, if there are as many; if `together` is more, as many as that.
    together : int
        Words of a masking, 1 or more; all of them, if there are fewer.
    weight : float
        How much sooner a word comes that is easily replaced: what a replaceability of 1 adds to the logit of its draw,
        0 or more.
    rng_of : callable
        From the number of a round to its random numbers.

    Returns
    -------
    list of list of int
        Maskings, each with the numbers of its words. No word is in two of them, unless the last one needs it.

    References
    ----------
    Kool et al. 2019, "Stochastic beams and where to find them", section 2: the order of the sums of a logit and Gumbel
    noise is that of draws without replacement.

    Examples
    --------
    >>> ease = [0, 0, 0, 0, 9]
    >>> draw = dict(least=3, together=2, weight=1, rng_of=np.random.default_rng)
    >>> [masked_words(ease, turn=turn, **draw) for turn in range(3)]
    [[[4, 3], [3, 2]], [[1, 0], [0, 4]], [[4, 2], [2, 0]]]
    """
    n = len(replaceability)
    least = min(max(least, together), n)
    number, begin = divmod(turn, -(-n // least))
    keys = weight * np.asarray(replaceability, dtype=np.float64) + rng_of(number).gumbel(size=n)
    order = np.argsort(-keys, kind="stable").tolist()
    drawn = (order + order)[begin * least :][:least]
    together = min(together, least)
    return [drawn[min(start, least - together) :][:together] for start in range(0, least, together)]
