"""Requests for new rows: what each one shows and asks for, drawn from the seed, the source and the try alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from augment.generation.candidates import Draw
from augment.llm.prompts import Prompt
from augment.llm.requests import Request, request_of
from augment.seeding import generator
from augment.word_lists import LANGUAGES

MOST_OTHERS = 20
"""The other classes are named in a prompt if there are no more of them."""
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "rows",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"rows": {"type": "array", "items": {"type": "string"}}},
            "required": ["rows"],
            "additionalProperties": False,
        },
    },
}
"""The form that an answer is asked for in."""


class RowRequest(NamedTuple):
    """A request for new rows, and what its answer is judged by."""

    request: Request
    wanted: int
    """Rows that are asked for."""
    exemplars: tuple[str, ...]
    """The texts that the prompt shows."""


@dataclass(frozen=True, kw_only=True)
class RowRequests:
    """Draws the request of each draw. What has no line here is a parameter of `augment.text.llm.LLM`."""

    prompt: Prompt
    texts: Mapping[str, Sequence[str]]
    """The texts of each class that prompts may show."""
    left_out: Collection[int]
    """Source rows that no prompt may show."""
    model: str
    recipe: str
    exemplars: int
    rows_per_request: int
    attributes: Mapping[str, Sequence[str]] | None
    instructions: str | None
    class_descriptions: Mapping[str, str] | None
    language: str | None
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    schema: bool
    revision: str | None

    def is_source(self, draw: Draw) -> bool:
        """Return whether a prompt may show the text of a draw, and there is one."""
        return bool(draw.text.strip()) and draw.source not in self.left_out

    def count(self, draw: Draw) -> int:
        """Return how many rows the request of a draw asks for: half as many at each further try."""
        return max(1, self.rows_per_request >> draw.attempt)

    def group(self, draw: Draw) -> int:
        """Return which request of its source a draw belongs to."""
        return draw.variant // self.count(draw)

    def of_each(self, draws: Sequence[Draw]) -> list[RowRequest | None]:
        """Return the request of each draw, which several draws may share; None for a draw that is no source.

        Parameters
        ----------
        draws : sequence of Draw, length n

        Returns
        -------
        list of (RowRequest or None), length n
        """
        drawn: dict[tuple[Any, ...], RowRequest] = {}
        own: list[RowRequest | None] = []
        for draw in draws:
            place = (draw.seed, draw.label, draw.source, draw.text, self.group(draw), draw.attempt)
            if self.is_source(draw) and place not in drawn:
                drawn[place] = self.of(draw)
            own.append(drawn.get(place))
        return own

    def of(self, draw: Draw) -> RowRequest:
        """Draw the request of a draw: the exemplars, the attributes of each row, and a seed for the model.

        Parameters
        ----------
        draw : Draw
            A source; see `is_source`.

        Returns
        -------
        RowRequest
        """
        count, label = self.count(draw), str(draw.label)
        rng = generator(draw.seed, "draw", draw.source, self.group(draw), draw.attempt)
        source = draw.text.strip()
        shown = [source]
        if self.recipe == "new":
            others = [text for text in self.texts.get(label, ()) if text != source]
            chosen = rng.permutation(len(others))[: self.exemplars - 1]
            shown = [others[i] for i in chosen]
            shown.insert(int(rng.integers(len(shown) + 1)), source)
        wishes = [
            {name: values[int(rng.integers(len(values)))] for name, values in (self.attributes or {}).items()}
            for _ in range(count)
        ]
        classes = [other for other in self.texts if other != label]
        values = {
            "label": label,
            "description": (self.class_descriptions or {}).get(label, ""),
            "others": classes if len(classes) <= MOST_OTHERS else [],
            "exemplars": shown,
            "source": source,
            "count": count,
            "attributes": wishes if self.attributes else [],
            "instructions": self.instructions or "",
            "language": LANGUAGES[self.language] if self.language else "",
        }
        body: dict[str, Any] = {"model": self.model, "messages": self.prompt.messages(values)}
        for name in ("temperature", "top_p", "max_tokens"):
            if (value := getattr(self, name)) is not None:
                body[name] = value
        body["seed"] = int(rng.integers(2**31))
        if self.revision is not None:  # a local model of another revision gives other answers
            body["revision"] = self.revision
        if self.schema:
            body["response_format"] = SCHEMA
        return RowRequest(request_of(body), count, tuple(shown))
