"""Ask a language model for the class of a text, without telling it what the text was made as."""

from __future__ import annotations

import contextlib
import re
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from augment.llm.answers import KeptAnswers
from augment.llm.prompts import Prompt
from augment.llm.requests import Answer, Engine, Request, request_of
from augment.plain_data import parse_json

MAX_TOKENS = 2048
"""The most tokens of an answer, including those that a model thinks with."""
_TRIAL: dict[str, Any] = {"classes": ["a", "b"], "descriptions": {"a": "one"}, "text": "a text"}
_OBJECT = re.compile(r"\{[^{}]*\}")


class AskedClass:
    """Asks for classes. Each text is asked for once: the answers are kept under the hashes of their requests.

    Parameters
    ----------
    model : str
        The name of the language model, as the requests have it.
    classes : sequence of str
        The classes to choose from.
    descriptions : mapping of str to str
        What classes mean.
    kept : KeptAnswers
        The answers that are there, and the file for new ones.
    engine : callable
        Opens what answers requests. It is called when there is one to ask.
    """

    def __init__(
        self,
        model: str,
        classes: Sequence[str],
        descriptions: Mapping[str, str],
        kept: KeptAnswers,
        engine: Callable[[], Engine],
    ) -> None:
        self.model, self.classes, self.descriptions, self.kept = model, list(classes), dict(descriptions), kept
        self._open = engine
        self._engine: Engine | None = None
        self._prompt = Prompt.named("classify", _TRIAL)

    def __call__(self, texts: Sequence[str]) -> list[str | None]:
        """Return the class of each text; None if the answer names none of them.

        Parameters
        ----------
        texts : sequence of str, length n

        Returns
        -------
        list of (str or None), length n

        Raises
        ------
        CounterpoiseError
            If a text cannot be asked for.
        """
        requests = [self._request(text) for text in texts]
        left = {request.key: request for request in requests if request.key not in self.kept}
        if left:
            if self._engine is None:
                self._engine = self._open()
                weakref.finalize(self, self._engine.close)
            self._engine.answer(list(left.values()), self.kept.add)
        self.kept.use(request.key for request in requests)
        return [self._class_in(self.kept[request.key]) for request in requests]

    def identity(self) -> dict[str, Any]:
        """Return the model and the hash of the prompt, for a manifest."""
        return {"model": self.model, "prompt": self._prompt.digest}

    def _request(self, text: str) -> Request:
        """Return the request on a text. It depends on nothing else, so each text is asked for once."""
        values = {"classes": self.classes, "descriptions": self.descriptions, "text": text}
        schema = {
            "type": "object",
            "properties": {"class": {"type": "string", "enum": self.classes}},
            "required": ["class"],
            "additionalProperties": False,
        }
        return request_of(
            {
                "model": self.model,
                "messages": self._prompt.messages(values),
                "temperature": 0.0,
                "max_tokens": MAX_TOKENS,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "class", "strict": True, "schema": schema},
                },
            }
        )

    def _class_in(self, answer: Answer) -> str | None:
        """Read the class out of an answer: JSON that may stand between other words, or the name alone."""
        names = {_bare(name): name for name in self.classes}
        said = answer.text
        for found in reversed(_OBJECT.findall(answer.text)):
            with contextlib.suppress(ValueError):
                said = str(parse_json(found, "the answer").get("class", ""))
                break
        return said if said in self.classes else names.get(_bare(said))


def _bare(name: str) -> str:
    """Return a name as models repeat it: without quotes and a full stop, in lower case."""
    return name.strip().strip("\"'.`").casefold()
