"""Prepared `fillmask` strategies on tiny models, and what they make of texts."""

from __future__ import annotations

from augment.generation.candidates import Draw
from augment.text.fill_mask import FillMask

ODD = (
    "The  shop\ton the corner opens at   nine.",
    "Zoë's café — the “old” one — moved to Łódź, naïve as it is.",
    "It was n't clear to me , but they 'll see it -LRB- again -RRB- .",
    "   The parcel came on Monday; both in one box.\t\n",
    "good😀film 👩‍👩‍👧 was SO good!!! 10/10",
    "A well-made film, isn't it? I'd say it's fine.",
    "日本 film and Москва day",
    "e\u0301toile\u00a0of the\u2009day\u200b",
    "THE BEST DAY OF MY LIFE",
    "the room_key and the x2 y",
)


def strategy(folder, **parameters):
    """A prepared strategy on the CPU in float32 that draws one filling of any words, unless told otherwise."""
    plain = {"mask_ratio": 0.15, "where": "any", "likeness": 0, "choose": 1, "share_masks": 1}
    made = FillMask(**{"model": str(folder), "device": "cpu", "dtype": "float32", **plain, **parameters})
    made.check()
    made.prepare()
    return made


def draws(texts, times=1):
    return [Draw(text, "x", i, v, 0, 0) for i, text in enumerate(texts) for v in range(times)]


def candidates(made, texts, times=1):
    """Pairs of draw and candidate."""
    asked = draws(texts, times)
    return list(zip(asked, made.candidates(asked), strict=True))
