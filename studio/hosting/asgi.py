"""Pieces of ASGI around an application: what goes out of it, for how long, and a body that was read before it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Answer:
    """What goes out: the app's answer with our headers, or, as long as it has not begun, a refusal. That the app has
    stumbled is told by the error that it raises, not by its own answer to it."""

    def __init__(self, send: Send, headers: Collection[tuple[bytes, bytes]]) -> None:
        self._send, self._headers = send, headers
        self._held: list[Message] = []
        self.status = 0  # of what has begun
        self.has_begun = asyncio.Event()

    async def send(self, message: Message) -> None:
        if self._held or (message["type"] == "http.response.start" and message["status"] == 500):
            self._held.append(message)
        elif message["type"] == "http.response.start":
            await self._begin(message)
        else:
            await self._send(message)

    async def end(self) -> None:
        """Lets go what was held back: the app has failed in words of its own, without an error."""
        held, self._held = self._held, []
        for message in held:
            await (self._begin(message) if message["type"] == "http.response.start" else self._send(message))

    async def _begin(self, message: Message) -> None:
        self.has_begun.set()
        self.status = message["status"]
        ours = {name for name, _ in self._headers}
        kept = [
            (name, value)
            for name, value in message.get("headers", [])
            if name.lower() not in ours and not name.lower().startswith(b"access-control-")
        ]
        await self._send({**message, "headers": [*kept, *self._headers]})

    async def refuse(self, status: int, reason: str) -> None:
        if self.has_begun.is_set():
            return
        body = json.dumps({"error": reason}, ensure_ascii=False).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if status in (400, 408, 413):  # what else comes on this connection is the rest of a body that nobody reads
            headers.append((b"connection", b"close"))
        await self._begin({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


async def until_begun(work: Awaitable[None], answer: Answer, seconds: float) -> None:
    """Runs ``work`` to its end; raises TimeoutError where its answer has not begun after so many seconds."""
    working = asyncio.ensure_future(work)
    began = asyncio.ensure_future(answer.has_begun.wait())
    try:
        await asyncio.wait((working, began), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not working.done() and not began.done():
            raise TimeoutError
        await working
    finally:
        began.cancel()
        working.cancel()


def replayed(body: bytes, receive: Receive) -> Receive:
    """Hands out ``body`` once, then whatever else comes: that the other side has gone."""
    is_sent = False

    async def replay() -> Message:
        nonlocal is_sent
        if is_sent:
            return await receive()
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
