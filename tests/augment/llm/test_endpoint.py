"""An endpoint is asked many requests at a time, again after a fault, and never tells its key."""

from __future__ import annotations

import _thread
import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from email.utils import formatdate
from typing import Any

import pytest
from stub_endpoint import CUT, SILENCE, Reply, StubEndpoint, completion, refusal, served

from augment.errors import CounterpoiseError, InputError, ModelError
from augment.llm import endpoint as module
from augment.llm.endpoint import Endpoint
from augment.llm.requests import Answer, Request, request_of

KEY = "sk-proj-0123456789abcdefSECRET"
SCHEMA = {"type": "json_schema", "json_schema": {"name": "rows", "schema": {"type": "object"}}}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read nothing of the environment, and wait little."""
    for name in sorted(os.environ):
        if name.startswith("OPENAI_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)


def requests_of(count: int, **more: Any) -> list[Request]:
    return [
        request_of({"model": "tiny", "messages": [{"role": "user", "content": f"Say {i}"}], "seed": i} | more)
        for i in range(count)
    ]


def echo(body: dict[str, Any], number: int) -> Reply:
    return completion(body["messages"][0]["content"].upper())


def first(fault: Reply | str, *, times: int = 1) -> Callable[[dict[str, Any], int], Reply | str]:
    """Reply with a fault to the first requests, and then with echoes."""
    return lambda body, number: fault if number < times else echo(body, number)


def answers(engine: Endpoint, requests: list[Request]) -> dict[str, Answer]:
    kept: dict[str, Answer] = {}
    engine.answer(requests, lambda request, answer: kept.update({request.key: answer}))
    return kept


def ask(stub: StubEndpoint, requests: list[Request] | None = None, **options: Any) -> dict[str, Answer]:
    with closing(Endpoint("tiny", base_url=stub.url, **options)) as engine:
        return answers(engine, requests or requests_of(1))


def error(stub: StubEndpoint, **options: Any) -> str:
    with pytest.raises(CounterpoiseError) as caught:
        ask(stub, **options)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_each_request_is_answered_once_in_the_calling_thread():
    requests, threads = requests_of(40), set()
    kept: list[tuple[str, str]] = []

    def keep(request: Request, answer: Answer) -> None:
        threads.add(threading.current_thread())
        kept.append((request.body["messages"][0]["content"], answer.text))

    with served(echo) as stub, closing(Endpoint("tiny", base_url=stub.url, concurrency=4)) as engine:
        engine.answer(requests, keep)
        engine.answer([], keep)
    assert sorted(kept) == sorted((f"Say {i}", f"SAY {i}") for i in range(40))
    assert threads == {threading.current_thread()}
    assert sorted(body["seed"] for body in stub.bodies) == list(range(40))
    assert stub.most_under_way <= 4


def test_it_works_where_an_event_loop_runs():
    async def in_a_notebook() -> dict[str, Answer]:
        return ask(stub)

    with served(echo) as stub:
        assert [answer.text for answer in asyncio.run(in_a_notebook()).values()] == ["SAY 0"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": "a"}, Answer("a", "length", 7, 2)),
        ({"content": None, "refusal": "No."}, Answer("", "refusal", 7, 2)),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, Answer("ab", "length", 7, 2)),
    ],
)
def test_what_an_answer_holds(message, expected):
    choices = [{"message": message, "finish_reason": "length"}]
    with served(lambda body, number: completion(choices=choices)) as stub:
        assert list(ask(stub).values()) == [expected]


def test_a_filtered_request_is_an_answer():
    def reply(body: dict[str, Any], number: int) -> Reply:
        return refusal(400, "No.", code="content_filter") if body["seed"] == 1 else completion(choices=[], usage=None)

    with served(reply) as stub:
        kept = ask(stub, requests_of(2))
    assert sorted(kept.values()) == [Answer("", "content_filter"), Answer("", "empty")]


# Faults that pass


@pytest.mark.parametrize(
    "fault",
    [
        refusal(500, "Oh."),
        refusal(429, "Slowly."),
        refusal(503, "Full.", {"Retry-After": "no date"}),
        (502, {"Content-Type": "text/html"}, "<html>Bad gateway</html>"),
        (200, {}, '{"choices": [{"message"'),
        (200, {}, '{"error": {"message": "Busy.", "code": 429}}'),
        CUT,
        SILENCE,
    ],
    ids=["500", "429", "503", "502", "truncated", "error with status 200", "cut", "silence"],
)
def test_a_request_is_asked_again_after(fault):
    with served(first(fault, times=2)) as stub:
        assert [answer.text for answer in ask(stub, timeout=0.5).values()] == ["SAY 0"]
    assert len(stub.bodies) == 3


@pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
def test_retry_after_is_heeded_by_all_slots(date):
    times: list[float] = []

    def reply(body: dict[str, Any], number: int) -> Reply:
        times.append(time.time())
        after = formatdate(times[0] + 2, usegmt=True) if date else "1"
        return echo(body, number) if number else refusal(429, "Slowly.", {"Retry-After": after})

    with served(reply) as stub:
        ask(stub, requests_of(3), concurrency=1)
    assert times[1] - times[0] >= (1.0 if not date else int(times[0]) + 2 - times[0])
    assert times[1] - times[0] < 3.0


def test_a_long_retry_after_is_cut(monkeypatch):
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.1)
    with served(first(refusal(429, "Tomorrow.", {"Retry-After": "86400"}))) as stub:
        start = time.monotonic()
        ask(stub)
        assert 0.1 <= time.monotonic() - start < 5.0


def test_a_slow_service_costs_no_tries_while_others_are_answered():
    """One in three is served: by count of tries alone the unlucky would fail."""
    with served(lambda body, n: refusal(429, "Slowly.") if n % 3 else echo(body, n)) as stub:
        assert len(ask(stub, requests_of(30), concurrency=8, retries=2)) == 30


def test_after_too_many_tries_it_gives_up_and_what_came_is_kept():
    kept: list[Answer] = []
    with served(lambda body, n: refusal(500, "Oh.") if body["seed"] == 3 else echo(body, n)) as stub:
        engine = Endpoint("tiny", base_url=stub.url, concurrency=1, retries=2)
        with closing(engine), pytest.raises(CounterpoiseError) as caught:
            engine.answer(requests_of(9), lambda request, answer: kept.append(answer))
    assert str(caught.value) == (
        f"The endpoint {stub.url} failed 3 times at one request, the last time so: Oh. What was answered is kept."
        " Run the same command again when the endpoint is well."
    )
    assert [answer.text for answer in kept] == ["SAY 0", "SAY 1", "SAY 2"]
    assert len(stub.bodies) == 3 + 3


# What an endpoint does not take


@pytest.mark.parametrize(
    ("name", "message", "sent"),
    [
        ("response_format", "Unsupported fields in the request: {'response_format'}", None),
        ("response_format", "Cannot do that.", None),
        ("seed", "Unknown parameter: 'seed'", None),
        ("max_tokens", "'max_tokens' is not supported. Use 'max_completion_tokens' instead.", "max_completion_tokens"),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_a_parameter_that_an_endpoint_refuses_is_changed_once_for_all(name, message, sent, status):
    requests = requests_of(6, max_tokens=9, response_format=SCHEMA)
    with served(lambda body, n: refusal(status, message) if name in body else echo(body, n)) as stub:
        engine = Endpoint("tiny", base_url=stub.url, concurrency=1)
        with closing(engine):
            assert list(answers(engine, requests)) == [request.key for request in requests]
            answers(engine, requests)
    assert engine.changes == {name: sent}
    assert len(stub.bodies) == 1 + 12
    assert all(name not in body and (sent is None or body[sent] == 9) for body in stub.bodies[1:])


def test_a_parameter_that_matters_is_not_left_out():
    said = "Unsupported value: 'temperature' does not take 0.9 with this model."
    with served(lambda body, n: refusal(400, said) if "temperature" in body else echo(body, n)) as stub:
        line = error(stub, requests=requests_of(1, temperature=0.9, response_format=SCHEMA))
    assert line == f"The endpoint {stub.url} refuses a request (status 400): {said}"
    assert len(stub.bodies) == 1


# Faults that stay


def test_a_redirect_is_refused_and_its_target_sees_nothing():
    with served(echo) as other:
        with served(lambda body, n: (307, {"Location": f"{other.url}/chat/completions"}, "")) as stub:
            line = error(stub)
        assert line.startswith(f"The endpoint {stub.url} redirects to {other.url}/chat/completions. Redirects are not")
        assert not other.headers
        assert len(stub.bodies) == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((200, {"Content-Type": "text/html"}, "<!doctype html><html></html>"), "it answers with an HTML page in place"),
        ((200, {"Content-Type": "text/plain"}, "Hello\x1b[31m\n"), "it answers with 'Hello [31m' in place of JSON"),
        ((200, {}, '{"text": "a"}'), "its answer has no choices with a message"),
        ((200, {}, "[1]"), "its answer has no choices with a message"),
        ((200, {}, '{"choices": [{"text": "a"}]}'), "its answer has no choices with a message"),
        ((405, {}, ""), "status 405"),
    ],
)
def test_what_is_not_an_endpoint(reply, words):
    with served(lambda body, n: reply) as stub:
        line = error(stub)
    assert line.startswith(f"{stub.url} is not an OpenAI-compatible endpoint: {words}")
    assert line.endswith("Give the address up to /v1, e.g. http://localhost:8000/v1, as `base_url=`.")
    assert len(stub.bodies) == 1


def test_an_address_without_v1():
    with served(echo) as stub:
        stub.url = stub.url.removesuffix("/v1")
        assert "is not an OpenAI-compatible endpoint: Not Found. Give the address up to /v1" in error(stub)


@pytest.mark.parametrize("status", [400, 404])
def test_a_wrong_model_names_those_that_there_are(status):
    with served(lambda body, n: refusal(status, "The model 'tiny' does not exist")) as stub:
        stub.models = ["tinny", *(f"m{i:02}" for i in range(20))]
        with pytest.raises(ModelError) as caught:
            ask(stub)
    assert str(caught.value) == (
        f"The endpoint {stub.url} has no model 'tiny': The model 'tiny' does not exist. It has 'm00', 'm01', 'm02',"
        " 'm03', 'm04', 'm05', 'm06', 'm07' and 13 more. Did you mean 'tinny'? Give one of them as `model=`."
    )


def test_a_used_up_quota_is_not_asked_again():
    with served(lambda body, n: refusal(429, "You exceeded your quota.", code="insufficient_quota")) as stub:
        assert error(stub).startswith(f"The key's quota at {stub.url} is used up: You exceeded your quota. What was")
    assert len(stub.bodies) == 1


def test_any_other_refusal_says_what_the_server_says():
    with served(lambda body, n: refusal(413, "The prompt has\n9,000 tokens.")) as stub:
        assert error(stub) == (f"The endpoint {stub.url} refuses a request (status 413): The prompt has 9,000 tokens.")


def test_an_endpoint_that_is_not_there_is_not_asked_again():
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        stub = StubEndpoint(echo)
        stub.url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        start = time.monotonic()
        line = error(stub)
    assert line.startswith(f"The endpoint {stub.url} cannot be reached: ")
    assert line.endswith("Start it, or correct `base_url=`.")
    assert time.monotonic() - start < 5


def test_a_time_out_says_what_to_raise():
    with served(lambda body, n: SILENCE) as stub:
        line = error(stub, timeout=0.2, retries=1)
    assert "failed 2 times at one request, the last time so: no answer within 0.2 s." in line
    assert "Raise `timeout=`, or lower `concurrency=`." in line


def test_what_keep_raises_ends_the_call():
    def keep(request: Request, answer: Answer) -> None:
        raise InputError("Enough.")

    with served(echo) as stub:
        engine = Endpoint("tiny", base_url=stub.url, concurrency=2)
        with closing(engine), pytest.raises(InputError, match=r"Enough\."):
            engine.answer(requests_of(100), keep)
    assert len(stub.bodies) < 100


@pytest.mark.skipif(sys.platform == "win32", reason="a signal")
def test_ctrl_c_ends_at_once_and_keeps_what_came():
    kept: list[Answer] = []
    began: list[float] = []

    def interrupt() -> None:
        began.append(time.monotonic())
        _thread.interrupt_main()

    def keep(request: Request, answer: Answer) -> None:
        kept.append(answer)
        if len(kept) == 5:  # the others will never come
            threading.Timer(0.3, interrupt).start()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process of pytest-xdist ignores it
    try:
        with served(lambda body, n: echo(body, n) if n < 5 else SILENCE) as stub:
            engine = Endpoint("tiny", base_url=stub.url, concurrency=3)
            with closing(engine), pytest.raises(KeyboardInterrupt):
                engine.answer(requests_of(20), keep)
            assert time.monotonic() - began[0] < 4
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(kept) == 5
    assert not [thread for thread in threading.enumerate() if thread.name == "endpoint"]


# The key


@pytest.mark.parametrize("status", [400, 401, 403, 413, 429, 500])
def test_a_key_that_the_server_repeats_is_not_told(status, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "key").write_text(f"{KEY}\n")
    said = f"Wrong key {KEY} (sk-proj-0123****CRET), header Bearer {KEY}"
    with served(lambda body, n: refusal(status, said)) as stub:
        engine = Endpoint("tiny", base_url=stub.url, key_file=tmp_path / "key", retries=1)
        with closing(engine), pytest.raises(CounterpoiseError) as caught:
            engine.answer(requests_of(2), lambda request, answer: None)
    assert stub.headers[0]["authorization"] == f"Bearer {KEY}"
    shown = [str(caught.value), repr(engine), str(engine.identity()), *traceback.format_exception(caught.value)]
    links: list[BaseException] = [caught.value]
    while link := links[-1].__context__ or links[-1].__cause__:
        links.append(link)
    assert links == [caught.value]
    for text in [*shown, caplog.text]:
        assert "0123" not in text
        assert "SECRET" not in text
    if status in (401, 403):
        assert str(caught.value).endswith(f"refuses the key of the file {str(tmp_path / 'key')!r} (status {status})."
                                          " Correct it.")  # fmt: skip


def test_where_the_key_comes_from(monkeypatch, tmp_path):
    with served(lambda body, n: refusal(401, "No.")) as stub:
        assert "needs a key (status 401). Set the environment variable OPENAI_API_KEY, or give a file" in error(stub)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        assert "refuses the key of the environment variable OPENAI_API_KEY (status 401)." in error(stub)
    with pytest.raises(InputError, match=r"The key file .* cannot be read: No such file or directory"):
        Endpoint("tiny", key_file=tmp_path / "none")
    for content, words in [(b" \n", "is empty"), (f"{KEY}\nmore".encode(), "other letters"), (b"\xff\xfe", "letters")]:
        (tmp_path / "key").write_bytes(content)
        with pytest.raises(InputError, match=words) as caught:
            Endpoint("tiny", key_file=tmp_path / "key")
        assert KEY not in str(caught.value)


def test_the_hosted_endpoint_needs_a_key():
    with pytest.raises(InputError, match=r"needs a key\. Set the environment variable OPENAI_API_KEY, give a file"):
        Endpoint("tiny")


def test_the_address_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:9/v1/")
    assert Endpoint("tiny").identity() == {"model": "tiny", "base_url": "http://localhost:9/v1"}


def test_a_proxy_never_sees_what_is_for_this_machine(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with served(echo) as stub:
        assert len(ask(stub)) == 1


def test_an_address_that_is_neither_https_nor_here_gets_a_warning(recwarn):
    for address in ("https://x.example/v1", "http://localhost/v1", "http://127.0.0.2:1/v1", "http://[::1]:1/v1"):
        Endpoint("tiny", base_url=address)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="is not https: the texts go through the network unencrypted"):
        Endpoint("tiny", base_url="http://10.0.0.1:8000/v1")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": ""}, "needs the name of a model"),
        ({"concurrency": 0}, "`concurrency=` must be from 1 to 1000. Got 0."),
        ({"concurrency": 1001}, "Got 1001."),
        ({"timeout": 0.0}, "`timeout=` must be"),
        ({"timeout": float("nan")}, "`timeout=` must be"),
        ({"retries": -1}, "`retries=` must be"),
        ({"base_url": "localhost:8000"}, "such as http://localhost:8000/v1. Got 'localhost:8000'."),
        ({"base_url": "http://"}, "Got 'http://'."),
        ({"base_url": "http://a:b/v1"}, "Got 'http://a:b/v1'."),
        ({"base_url": "https://me:SECRET@x.example/v1?key=SECRET"}, "Got more than https://x.example/v1."),
    ],
)
def test_bad_parameters(options, words):
    with pytest.raises(InputError) as caught:
        Endpoint(**{"model": "tiny", "base_url": "http://localhost:1/v1"} | options)
    assert words in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(InputError, match=r'run: pip install "counterpoise\[llm\]"'):
        Endpoint("tiny", base_url="http://localhost:1/v1")


# Many


@pytest.fixture
def open_files() -> Iterator[None]:
    """Let a process hold both ends of a thousand connections."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("This system lets a process open too few files.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Counted(list[Request]):
    """Requests that count how many were taken."""

    taken = 0

    def __iter__(self) -> Iterator[Request]:
        for request in super().__iter__():
            self.taken += 1
            yield request


@pytest.mark.parametrize("slots", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_all_slots_are_used_and_no_request_waits_beside_them(slots, open_files):
    requests, ahead = Counted(requests_of(slots + 200)), []
    kept: set[str] = set()

    def keep(request: Request, answer: Answer) -> None:
        kept.add(request.key)
        ahead.append(requests.taken - len(stub.bodies))

    with served(echo, together=slots) as stub:
        engine = Endpoint("tiny", base_url=stub.url, concurrency=slots, timeout=120)
        with closing(engine):
            engine.answer(requests, keep)
    assert len(kept) == len(stub.bodies) == slots + 200
    assert stub.most_under_way == slots
    assert max(ahead) <= slots
