"""Keep answers under the keys of their requests: in memory, in an answers file, and from the results of batches."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from augment.errors import InputError, OutputError
from augment.files import check_exists, flush, opened
from augment.llm.requests import Answer, Request, canonical
from augment.plain_data import parse_json

FILTERED = {"content_filter", "content_policy_violation"}
"""Codes of errors by which a service says that it will not answer: an answer without a text."""

SYNCED = 0.1
"""Seconds of answers that a power cut may cost."""

_log = logging.getLogger(__name__)


def answers_path(output: Path) -> Path:
    """Return where the answers file of an output stands.

    Examples
    --------
    >>> answers_path(Path("out/balanced.csv")).as_posix()
    'out/balanced.csv.answers.jsonl'
    """
    return output.with_name(output.name + ".answers.jsonl")


class KeptAnswers:
    """Answers by the keys of their requests.

    An answers file has one JSON object a line: ``key``, ``text``, ``finish``, ``prompt_tokens``, ``completion_tokens``.
    A line is appended as a whole when its answer comes. A last line that a crash has cut is dropped. If two lines have
    one key, the first counts.

    Parameters
    ----------
    sources : iterable of Path, default=()
        Files that are read: answers files, or the results of a batch.
    file : Path, optional
        The answers file that is read, too, if it is there, and that gets the answers that are used. None to keep them
        in memory alone.

    Raises
    ------
    InputError
        If a file cannot be read, or holds something else.
    """

    def __init__(self, sources: Iterable[Path] = (), file: Path | None = None) -> None:
        self.file = file
        self._sources = list(sources)
        self._answers: dict[str, Answer] = {}
        self._written: set[str] = set()
        self._failures: dict[str, str] = {}
        self.used: set[str] = set()
        """The keys of the answers that were used."""
        self._synced = 0.0
        self._unsynced = False
        """Whether the file has answers that may not be on the disk yet."""
        if file is not None and file.exists():
            self._read(file)
            self._written = set(self._answers)
        for source in self._sources:
            check_exists(source)
            self._read(source)

    def failures(self) -> list[str]:
        """Return what a service says of each request of a batch that has failed, and so has no answer."""
        return [said for key, said in self._failures.items() if key not in self._answers]

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, key: str) -> bool:
        return key in self._answers

    def __getitem__(self, key: str) -> Answer:
        return self._answers[key]

    def add(self, request: Request, answer: Answer) -> None:
        """Keep a new answer, in the file before anything else happens. A power cut may cost those of `SYNCED` seconds.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        if request.key not in self._answers:
            self._answers[request.key] = answer
        self._note([request.key])

    def use(self, keys: Iterable[str]) -> None:
        """Note which answers are used, and write those of other files into the answers file, too: it holds all of them.

        They are on the disk then, before anything that is made of them: a run that goes on does not ask for them again.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        self._note(keys)
        if self._unsynced:
            self._sync()

    def _note(self, keys: Iterable[str]) -> None:
        keys = list(dict.fromkeys(keys))
        self.used.update(keys)
        if self.file is None:
            return
        new = [key for key in keys if key not in self._written]
        if new:
            self._append(b"".join(_line(key, self._answers[key]) for key in new))
            self._written.update(new)

    def record(self) -> dict[str, Any]:
        """Return, for the manifest, the files with their hashes, and how many answers and tokens they hold."""
        files = [path for path in (self.file, *self._sources) if path is not None and path.exists()]
        if self.file in files:
            self._sync()
        return {
            "files": [{"name": str(path), "hash": _hash_of(path)} for path in files],
            "answers": len(self._answers),
            "prompt_tokens": sum(answer.prompt_tokens or 0 for answer in self._answers.values()),
            "completion_tokens": sum(answer.completion_tokens or 0 for answer in self._answers.values()),
        }

    def _sync(self) -> None:
        """Wait until all answers are on the disk."""
        assert self.file is not None
        try:
            flush(self.file)
            self._unsynced = False
        except OSError as error:
            raise OutputError(f"{self.file}: cannot be written ({error.strerror}); free the disk.") from None

    def _read(self, path: Path) -> None:
        """Read a file; of several answers to one request, the first counts."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); `answers` takes files of answers.") from None
        lines = content.split(b"\n")
        cut = lines.pop()  # empty, if the last line is whole
        for number, line in enumerate(lines, 1):
            if line.strip():
                self._take(path, number, line)
        if cut.strip():
            try:
                self._take(path, len(lines) + 1, cut)
            except InputError:
                if not lines and not (path == self.file and cut.startswith(b'{"key"')):
                    raise
                if path != self.file:  # whose last line is cut by a kill, and is asked for again
                    _log.info(f"{path}: the last line is cut short. It is left out.")

    def _take(self, path: Path, number: int, line: bytes) -> None:
        try:
            record = parse_json(line, str(path))
            key, answer = _answered(record)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            raise InputError(
                f"{path}: line {number} is not an answer. Expected an answers file, whose lines have a 'key' and a"
                " 'text', or the results of a batch, whose lines have a 'custom_id' and a 'response'."
            ) from None
        if answer is None:
            self._failures.setdefault(key, _failure(record))
        else:
            self._answers.setdefault(key, answer)

    def _append(self, lines: bytes) -> None:
        assert self.file is not None
        try:
            _drop_cut_line(self.file)
            with opened(self.file) as file:
                left = memoryview(lines)
                while left:
                    left = left[file.write(left) :]
                self._unsynced = True
                if time.monotonic() - self._synced > SYNCED:
                    os.fsync(file.fileno())
                    self._synced, self._unsynced = time.monotonic(), False
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(
                f"{self.file}: cannot be written ({error.strerror}); free the disk or change its rights, and run again:"
                " no answer is asked for twice."
            ) from None


class _Usage(NamedTuple):
    prompt: int | None
    completion: int | None


def _answered(record: Mapping[str, Any]) -> tuple[str, Answer | None]:
    """Read a line: the key and the answer, or None for a request of a batch that has failed."""
    if "key" in record:
        text, finish = record["text"], record.get("finish", "stop")
        usage = _Usage(_count(record.get("prompt_tokens")), _count(record.get("completion_tokens")))
        if not all(isinstance(one, str) for one in (record["key"], text, finish)):
            raise ValueError
        return record["key"], Answer(text, finish, *usage)
    key, response = record["custom_id"], record.get("response")
    if not isinstance(key, str) or ("response" not in record and "error" not in record):
        raise ValueError
    if record.get("error") or response is None or response.get("status_code", 200) != 200:
        return key, Answer("", "content_filter", None, None) if _code(record) in FILTERED else None
    return key, answer_of(response["body"])


def _error(record: Mapping[str, Any]) -> Any:
    """Return the error in a line of a failed request."""
    body = (record.get("response") or {}).get("body")
    return record.get("error") or (body.get("error", body) if isinstance(body, Mapping) else body)


def _code(record: Mapping[str, Any]) -> str:
    error = _error(record)
    return str(error.get("code") or "") if isinstance(error, Mapping) else ""


def _failure(record: Mapping[str, Any]) -> str:
    """Return what a service says of a failed request, shortened; empty if it says nothing that can be read."""
    error = _error(record)
    said = error.get("message") or error.get("code") if isinstance(error, Mapping) else error
    return " ".join(str(said or "").split())[:200]


def answer_of(body: Mapping[str, Any]) -> Answer:
    """Return the answer in the body of a chat completion.

    Parameters
    ----------
    body : mapping of str to object
        As an OpenAI-compatible service gives it.

    Returns
    -------
    Answer

    Raises
    ------
    KeyError, IndexError, TypeError, AttributeError
        If it is no chat completion.

    Examples
    --------
    >>> answer_of({"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]})
    Answer(text='Yes.', finish='stop', prompt_tokens=None, completion_tokens=None)
    """
    usage = body.get("usage") or {}
    if body["choices"] == []:
        return Answer("", "empty", _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
    choice = body["choices"][0]
    message = choice["message"]
    finish = "refusal" if message.get("refusal") else choice.get("finish_reason") or "stop"
    tokens = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    return Answer(_content(message.get("content")), str(finish), *tokens)


def _content(content: Any) -> str:
    """Return the text of a message; some services give it in parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return content if isinstance(content, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _line(key: str, answer: Answer) -> bytes:
    return json.dumps({"key": key, **answer._asdict()}).encode() + b"\n"


def _drop_cut_line(path: Path) -> None:
    """Cut off what a crash has left of a line."""
    if not path.exists():
        return
    with open(path, "r+b") as file:
        end = place = file.seek(0, os.SEEK_END)
        while place:
            start = max(0, place - 65536)
            file.seek(start)
            found = file.read(place - start).rfind(b"\n")
            if found >= 0:
                place = start + found + 1
                break
            place = start
        if place < end:
            file.seek(place)
            if _is_whole(file.read()):  # only its end is missing
                file.write(b"\n")
            else:
                file.truncate(place)


def _is_whole(line: bytes) -> bool:
    """Return whether a line holds a whole record."""
    try:
        return isinstance(parse_json(line, "the last line"), dict)
    except ValueError:
        return False


def _hash_of(path: Path) -> str:
    with open(path, "rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def batch_line(request: Request) -> str:
    """Return a request as a line of an OpenAI Batch API file.

    The limit of an answer has its present name, ``max_completion_tokens``. A batch cannot be told that a model refuses
    the former one, ``max_tokens``, as a server can that is asked.

    Examples
    --------
    >>> batch_line(Request("abc", {"model": "m"}))
    '{"body":{"model":"m"},"custom_id":"abc","method":"POST","url":"/v1/chat/completions"}'
    """
    body = {"max_completion_tokens" if name == "max_tokens" else name: value for name, value in request.body.items()}
    return canonical({"custom_id": request.key, "method": "POST", "url": "/v1/chat/completions", "body": body})
