"""The local page of a review: a small web server that answers its own page alone."""

from __future__ import annotations

import contextlib
import hmac
import importlib.util
import ipaddress
import json
import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import Awaitable, Callable, Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augment.errors import CounterpoiseError, InputError, OutputError
from augment.plain_data import parse_json
from augment.review.session import PAGE, Review, Stale
from augment.review.views import Filter

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

LOOPBACK = "127.0.0.1"
COOKIE = "review"
"""Start of the cookie's name. Cookies do not know ports, so the port follows."""
HEADER = "x-review-token"
MOST_BYTES = 10_000
"""Maximum size of what a page sends."""
_PAGE = Path(__file__).parent / "page"
_LOOK = Path(__file__).parents[1] / "report" / "templates" / "look.css"
_FILES = {
    "look.css": (_LOOK, "text/css"),
    "review.css": (_PAGE / "review.css", "text/css"),
    "review.js": (_PAGE / "review.js", "text/javascript"),
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_Scope = Any  # the types of ASGI, which Starlette declares as mutable mappings and callables


def check_libraries() -> None:
    """Check that Starlette, uvicorn and jinja2 are installed.

    Raises
    ------
    InputError
        If one is missing; the message names the extra to install.
    """
    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn", "jinja2")):
        raise InputError('The review needs starlette, uvicorn and jinja2; run: pip install "counterpoise[review]"')


class Door:
    """Lets in only requests of the page: with the token, to this host, and from no other origin.

    Parameters
    ----------
    app : callable
        The application behind it.
    token : str
        Given in the address of the first request, and then in a cookie, or in the header `HEADER`.
    port : int
        Part of the cookie's name, and of the host.
    host : str
        What the server listens on. A page of another site can reach a server on this machine under a name of its own
        (DNS rebinding), so the header `Host` must hold this host, a loopback address, or, if the server listens to the
        network, any plain address or the name of this machine.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], *, token: str, port: int, host: str) -> None:
        self.app, self.token, self.port, self.host = app, token, port, host

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse

        request = Request(scope)
        why = self._refusal(request)
        if why is not None:
            await PlainTextResponse(why, 403, _HEADERS)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, request: Request) -> str | None:
        """Return why a request is refused, or None."""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if not self._is_own(host):
            return "This address is not that of the review. Open the one that `augment review` has printed."
        if origin is not None and origin != f"http://{host}":
            return "This request comes from another page, and is refused."
        if request.method not in ("GET", "HEAD") and origin is None:
            return "A request that changes something must say which page it comes from."
        if not self._has_token(request):
            return "The token is missing or wrong. Open the address that `augment review` has printed."
        return None

    def _is_own(self, host: str) -> bool:
        """Return whether a header `Host` names this server."""
        name, _, port = host.rpartition(":")
        if not name or port != str(self.port):  # a browser leaves port 80 out, and it is never ours
            return False
        name = name.strip("[]").lower()
        if name in ("localhost", LOOPBACK, "::1", self.host.lower()):
            return True
        if is_loopback(self.host):
            return False
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return name in (socket.gethostname().lower(), socket.getfqdn().lower())

    def _has_token(self, request: Request) -> bool:
        """Return whether a request has the token."""
        cookies = SimpleCookie()
        with contextlib.suppress(Exception):  # of another application on this host
            cookies.load(request.headers.get("cookie", ""))
        cookie = cookies.get(f"{COOKIE}-{self.port}")
        given = [request.headers.get(HEADER), None if cookie is None else cookie.value]
        if request.url.path == "/":
            given.append(request.query_params.get("token"))
        return any(one is not None and hmac.compare_digest(one.encode(), self.token.encode()) for one in given)


def application(review: Review, *, token: str, port: int, host: str = LOOPBACK) -> Callable[..., Awaitable[None]]:
    """Return the application that serves the page of a review.

    Every function of it runs to its end before the next begins, so there is one truth for all open pages.

    Parameters
    ----------
    review : Review
    token, port, host
        See `Door`.

    Returns
    -------
    callable
        An ASGI application.
    """
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, PlainTextResponse, Response
    from starlette.routing import Route

    files = {name: (path.read_bytes(), kind) for name, (path, kind) in _FILES.items()}
    page = _page(review)

    async def first(request: Request) -> Response:
        response = HTMLResponse(page, headers=_HEADERS)
        response.set_cookie(f"{COOKIE}-{port}", token, httponly=True, samesite="strict", path="/")
        return response

    async def file(request: Request) -> Response:
        if request.path_params["name"] not in files:
            return PlainTextResponse("There is no such file.", 404, _HEADERS)
        content, kind = files[request.path_params["name"]]
        return Response(content, media_type=kind, headers=_HEADERS)

    async def about(request: Request) -> Any:
        return {**review.about(), "state": review.state()}

    async def state(request: Request) -> Any:
        return review.state()

    async def rows(request: Request) -> Any:
        words = request.query_params
        return review.page(
            Filter.parsed(words),
            state=words.get("state") or "all",
            offset=_whole(words, "offset", 0),
            limit=_whole(words, "limit", PAGE),
        )

    async def row(request: Request) -> Any:
        words = request.query_params
        chosen, number = Filter.parsed(words), _whole(words, "row", -1)
        found: int | None = number
        if number < 0:
            found = review.after(None, chosen)
            if found is None:  # all are decided: the first one is shown again
                found = next(iter(review.rows(chosen)), None)
        elif "step" in words:
            found = review.beside(number, chosen, _whole(words, "step", 1))
        return _shown(review, found, chosen)

    async def decide(request: Request) -> Any:
        sent, chosen = await _sent(request), Filter.parsed(request.query_params)
        decision = review.decide(sent["row"], sent["verdict"], sent.get("label"), seen=sent["seen"])
        following = review.after(decision.row, chosen)
        return {
            **_shown(review, following if following is not None else decision.row, chosen),
            "done": following is None,
        }

    async def undo(request: Request) -> Any:
        sent, chosen = await _sent(request), Filter.parsed(request.query_params)
        undone = review.undo(seen=sent["seen"])
        return {
            **_shown(review, sent.get("row") if undone is None else undone.row, chosen),
            "undone": undone is not None,
        }

    return Door(
        Starlette(
            routes=[
                Route("/", first),
                Route("/files/{name}", file),
                Route("/api/about", _answering(about, review)),
                Route("/api/state", _answering(state, review)),
                Route("/api/rows", _answering(rows, review)),
                Route("/api/row", _answering(row, review)),
                Route("/api/decide", _answering(decide, review), methods=["POST"]),
                Route("/api/undo", _answering(undo, review), methods=["POST"]),
            ]
        ),
        token=token,
        port=port,
        host=host,
    )


def serve(
    review: Review,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    browser: bool = True,
    log: Callable[[str], None],
) -> None:
    """Serve the page of a review until Ctrl-C.

    Parameters
    ----------
    review : Review
    host : str, default="127.0.0.1"
        What to listen on.
    port : int, default=0
        0 for a free one.
    browser : bool, default=True
        Open the page in a browser.
    log : callable
        Called with the address once the server listens.

    Raises
    ------
    OutputError
        If the address cannot be listened on.
    """
    import uvicorn

    listening = _listening(host, port)
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    shown = f"[{host}]" if ":" in host else {"0.0.0.0": LOOPBACK}.get(host, host)
    address = f"http://{shown}:{port}/?token={token}"
    app = application(review, token=token, port=port, host=host)
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    with listening, contextlib.suppress(KeyboardInterrupt):
        log(address)
        if browser:  # the socket listens already, so a browser that is quick waits for the server
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        uvicorn.Server(settings).run(sockets=[listening])


def is_loopback(host: str) -> bool:
    """Return whether what listens on a host can be reached from this machine alone.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise OutputError(f"{host}: is not an address of this machine ({error}); give another `host`.") from None
    try:
        if os.name != "nt":  # where it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(64)
    except OSError as error:
        listening.close()
        raise OutputError(
            f"{host}:{port}: cannot be listened on ({error.strerror}); give another `port`, or leave it out."
        ) from None
    return listening


def _page(review: Review) -> str:
    """Render the page. What comes from the table is filled in by the script, as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("review.html.j2").render(name=review.about()["name"])


def _answering(answer: Callable[[Request], Awaitable[Any]], review: Review) -> Any:
    """Return what sends an answer as JSON; a refusal says why, and how the review stands."""
    from starlette.responses import Response

    def sent(content: Any, status: int) -> Response:
        text = json.dumps(content, ensure_ascii=True, allow_nan=False)
        return Response(text, status, _HEADERS, "application/json")

    async def answered(request: Request) -> Response:
        try:
            return sent(await answer(request), 200)
        except Stale as error:
            return sent({"error": str(error), "state": review.state()}, 409)
        except OutputError as error:
            return sent({"error": str(error), "state": review.state()}, 507)
        except CounterpoiseError as error:
            return sent({"error": str(error)}, 400)

    return answered


def _shown(review: Review, row: int | None, chosen: Filter) -> dict[str, Any]:
    """Return a row with the state of the review."""
    return {"row": None if row is None else review.row(row, chosen), "state": review.state()}


async def _sent(request: Request) -> dict[str, Any]:
    """Read what a page sends: an object with the numbers ``seen`` and, to decide, ``row``."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise InputError("Send JSON.")
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise InputError("This is longer than any decision.")
    sent = parse_json(bytes(content), "What was sent")
    needed = ("seen",) if request.url.path.endswith("undo") else ("seen", "row", "verdict")
    if not isinstance(sent, dict) or not all(name in sent for name in needed):
        raise InputError(f"Expected an object with {', '.join(needed)}.")
    if any(isinstance(sent.get(name), bool) or not isinstance(sent.get(name, 0), int) for name in ("seen", "row")):
        raise InputError("`seen` and `row` are whole numbers.")
    return sent


def _whole(words: Mapping[str, str], name: str, default: int) -> int:
    """Read a whole number from the words of an address."""
    try:
        return int(words.get(name) or default)
    except ValueError:
        raise InputError(f"`{name}` must be a whole number. Got {words[name]!r:.40}.") from None
