"""The page itself, kept: gradio writes 800 KB anew for everybody who opens it, a tenth of a second of Python each time.

Without accounts it is the same for all who come by the same name, since what is somebody's own is fetched afterwards.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_NAMES = 8  # by which people come, at 0.8 MB each
# What the page is made for: its own address, as the request and the proxies in front tell it, and how it is packed.
VARYING = (b"host", b"x-forwarded-host", b"x-forwarded-proto", b"x-gradio-server", b"accept-encoding")
DIFFERENT = (b"origin", b"range", b"if-none-match", b"if-modified-since")  # with these, an answer may be another


class KeptPage:
    """Wraps ``app``: ``GET /`` is answered from memory once it was answered well. One serves one event loop."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._pages: OrderedDict[tuple[Any, ...], list[Message]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        if key not in self._pages:
            answer: list[Message] = []

            async def note(message: Message) -> None:
                answer.append(_copy(message))
                await send(message)

            await self._app(scope, receive, note)
            self._keep(key, answer)
            return
        self._pages.move_to_end(key)
        for message in self._pages[key]:
            await send(_copy(message))

    def _keep(self, key: tuple[Any, ...], answer: list[Message]) -> None:
        is_whole = bool(answer) and answer[0].get("status") == 200 and not answer[-1].get("more_body", False)
        sets_cookie = is_whole and any(name.lower() == b"set-cookie" for name, _ in answer[0]["headers"])
        if not is_whole or sets_cookie:
            return
        self._pages[key] = answer
        while len(self._pages) > MOST_NAMES:
            self._pages.popitem(last=False)


def _copy(message: Message) -> Message:
    """Whoever sends a message on may add headers to it."""
    return {**message, "headers": list(message["headers"])} if "headers" in message else {**message}


def _key(scope: Scope) -> tuple[Any, ...] | None:
    """What tells one page from another; None for every other request."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/" or scope.get("query_string"):
        return None
    headers = [(name.lower(), value) for name, value in scope["headers"]]
    if any(name in DIFFERENT for name, _ in headers):
        return None
    varying = tuple(item for item in headers if item[0] in VARYING)
    return scope.get("scheme"), scope.get("root_path"), varying
