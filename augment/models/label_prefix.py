"""Put a label as words before its text, as conditioned masked language models are trained and used."""

from __future__ import annotations

import re
from typing import Any

SEPARATOR = ": "
"""Between the label's words and the text."""
RECORD = "counterpoise_condition"
"""Key in the config.json of a model trained on conditioned texts; the value is ``"prefix"``."""

_BETWEEN_WORDS = re.compile(r"(?<=[^\W_])[-_]+(?=[^\W_])")


def prefix(label: Any) -> str:
    """Write a label as words.

    Parameters
    ----------
    label : object
        A class as it stands in the data; a value that is not a string is converted.

    Returns
    -------
    str
        The label with ``_`` and ``-`` between letters or digits as spaces, and any white space as one space. Case is
        kept, and so is the sign of a number: -1 and 1 remain two labels.

    Examples
    --------
    >>> prefix("very_negative"), prefix("Neutral"), prefix("not-so  good"), prefix(-1)
    ('very negative', 'Neutral', 'not so good', '-1')
    """
    return " ".join(_BETWEEN_WORDS.sub(" ", str(label)).split())


def conditioned(text: str, label: Any) -> tuple[str, int]:
    """Put a label's words before a text.

    They are ordinary words to the model, as in the "prepend" form of Kumar et al. (2020, section 3.1), in which only a
    space follows the label. The colon is added here: it shows where the label ends ("good: food", "good food").

    Parameters
    ----------
    text : str
        Any text.
    label : object
        Its class.

    Returns
    -------
    conditioned : str
        ``prefix(label) + SEPARATOR + text``.
    start : int
        The number of characters before the original begins.

    References
    ----------
    Kumar, Choudhary and Cho 2020, "Data augmentation using pre-trained transformer models".

    Examples
    --------
    >>> conditioned("It is open.", "neutral")
    ('neutral: It is open.', 9)
    """
    before = prefix(label) + SEPARATOR
    return before + text, len(before)
