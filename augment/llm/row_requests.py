"""Requests for new rows: what each one shows and asks for, drawn from the seed, the source and the try alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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


class SharedPlace(NamedTuple):
    """Which request a draw belongs to, and which row of its answer is the draw's."""

    sources: tuple[int, ...]
    """The source rows that share the request."""
    turn: int
    """Which request of these sources it is."""
    wanted: int
    """Rows that it asks for: equally many for each source."""
    number: int
    """Which of its rows is the draw's, counted from 0."""


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
    texts: Mapping[str, Mapping[int, str]]
    """The texts of each class that prompts may show, by their rows, in the order of the rows."""
    left_out: Collection[int]
    """Source rows that no prompt may show."""
    model: str
    recipe: str
    exemplars: int
    rows_per_request: int
    share_requests: bool
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

    def place(self, draw: Draw) -> SharedPlace:
        """Return which request a draw belongs to. Further tries ask for half as many rows each time."""
        most = max(1, self.rows_per_request >> draw.attempt)
        sources = self._sharing(draw, most)
        turns = most // len(sources)  # rows of each source in one request
        number = sources.index(draw.source) + len(sources) * (draw.variant % turns)
        return SharedPlace(sources, draw.variant // turns, turns * len(sources), number)

    def _sharing(self, draw: Draw, most: int) -> tuple[int, ...]:
        """Return the sources that share a request: neighbours in their class, as many as it has rows."""
        place = self._places.get(str(draw.label), {}).get(draw.source)
        if place is None or self.recipe != "new" or not self.share_requests:
            return (draw.source,)
        first = place - place % most
        return self._rows[str(draw.label)][first : first + most]

    @cached_property
    def _rows(self) -> dict[str, tuple[int, ...]]:
        return {label: tuple(texts) for label, texts in self.texts.items()}

    @cached_property
    def _places(self) -> dict[str, dict[int, int]]:
        """The number of each source row in its class."""
        return {label: {row: number for number, row in enumerate(rows)} for label, rows in self._rows.items()}

    @cached_property
    def _different(self) -> dict[str, list[str]]:
        """The different texts of each class."""
        return {label: list(dict.fromkeys(texts.values())) for label, texts in self.texts.items()}

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
            place = self.place(draw)
            text = draw.text if len(place.sources) == 1 else ""
            request = (draw.seed, draw.label, place.sources[0], text, place.turn, draw.attempt)
            if self.is_source(draw) and request not in drawn:
                drawn[request] = self.of(draw)
            own.append(drawn.get(request))
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
        place, label = self.place(draw), str(draw.label)
        count = place.wanted
        rng = generator(draw.seed, "draw", place.sources[0], place.turn, draw.attempt)
        own = [draw.text.strip()]
        if len(place.sources) > 1:
            own = list(dict.fromkeys(self.texts[label][row] for row in place.sources))
        shown = own
        if self.recipe == "new":
            if len(own) > self.exemplars:
                own = [own[i] for i in rng.permutation(len(own))[: self.exemplars]]
            others = [text for text in self._different.get(label, ()) if text not in own]
            chosen = rng.permutation(len(others))[: self.exemplars - len(own)]
            shown = [others[i] for i in chosen]
            for text in own:
                shown.insert(int(rng.integers(len(shown) + 1)), text)
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
            "source": own[0],
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
