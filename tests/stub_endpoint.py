"""A stub of an OpenAI-compatible server on 127.0.0.1, whose replies and faults a test chooses."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Reply = tuple[int, dict[str, str], str]
CUT, SILENCE = "cut", "silence"


def completion(text: str = "fine", **more: Any) -> Reply:
    """A reply with an answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return 200, {}, json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage} | more)


def refusal(status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    """A reply with an error, in OpenAI's form."""
    return status, headers or {}, json.dumps({"error": {"message": message, **more}})


class StubEndpoint:
    """Answers by `reply(body, number)`, which gives a reply, `CUT` or `SILENCE`; `number` counts requests from 0."""

    def __init__(self, reply: Callable[[dict[str, Any], int], Reply | str], *, together: int = 0) -> None:
        self.reply, self.together = reply, together
        self.full = asyncio.Event()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.models = ["tiny", "small"]
        self.under_way = self.most_under_way = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what comes over one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").strip().split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                text = await reader.readexactly(int(headers.get("content-length", 0)))
                if not await self.respond(first, headers, text, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def respond(self, first: str, headers: dict[str, str], text: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; tell whether the connection goes on."""
        if first.startswith("GET /v1/models "):
            reply: Reply | str = (200, {}, json.dumps({"data": [{"id": name} for name in self.models]}))
        elif first.startswith("POST /v1/chat/completions "):
            body = json.loads(text)
            self.bodies.append(body)
            self.headers.append(headers)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            reply = self.reply(body, len(self.bodies) - 1)
            if reply == SILENCE:
                await asyncio.Event().wait()
            if self.under_way >= self.together:
                self.full.set()
            await self.full.wait()
            self.under_way -= 1
        else:
            reply = 404, {}, '{"detail": "Not Found"}'
        status, more, said = (200, {}, '{"choices": [') if isinstance(reply, str) else reply
        content = said.encode()
        length = len(content) + 100 * (reply == CUT)
        more = {"Content-Type": "application/json", "Content-Length": str(length)} | more
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in more.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + content)
        await writer.drain()
        return reply != CUT


@contextmanager
def served(reply: Callable[[dict[str, Any], int], Reply | str], *, together: int = 0) -> Iterator[StubEndpoint]:
    """Serve a stub in a thread. It answers none before so many requests are under way together."""
    stub, loop = StubEndpoint(reply, together=together), asyncio.new_event_loop()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(stub.serve, "127.0.0.1", 0, backlog=2048)

    async def stop() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    stub.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield stub
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
