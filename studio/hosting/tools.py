"""The studio as tools of the Model Context Protocol, for assistants that draw: STUDIO_MCP=1, and
``pip install -r requirements-mcp.txt``.

    POST studio/mcp    streamable HTTP, without sessions

Each endpoint of the API is a tool of the same name, with the same arguments and limits. A tool tells its progress in
steps, shows small copies of what it drew, and stops drawing when its caller goes.
"""

from __future__ import annotations

import base64
import contextlib
import inspect
import json
import logging
import typing
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from anyio import CapacityLimiter, to_thread
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from pydantic import TypeAdapter
from starlette.requests import Request as HttpRequest
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from studio.errors import InvalidRequest, StudioError, forget_frames
from studio.hosting.routes import LARGEST_EVENT

logger = logging.getLogger(__name__)

Answer: TypeAlias = Any  # what JSON can say
TOOLS_URL = "studio/mcp"
PAGE = "page"  # the argument in which an endpoint takes the HTTP request; no caller gives it
MOST_SHOWN = 4  # pictures of a call; the answer names all
MOST_CALLS = 64  # at once; further ones wait
LONGEST_LOGGED = 200  # characters
NOT_UNDERSTOOD = "The studio could not make sense of this call."


class Tools:
    """``endpoints`` as tools: functions that their docstrings describe, and that return an answer, or yield answers,
    the last of which is the result. ``thumbnail`` gives the bytes of a WebP file for a picture that an answer names;
    it raises `StudioError` where there is no such picture."""

    def __init__(self, endpoints: Sequence[Callable[..., Any]], thumbnail: Callable[[str], bytes]) -> None:
        self._endpoints = {endpoint.__name__: endpoint for endpoint in endpoints}
        self._thumbnail = thumbnail
        self._calls = CapacityLimiter(MOST_CALLS)
        self._server: Server[Any, HttpRequest] = Server("Latent Studio")
        self._manager = StreamableHTTPSessionManager(self._server, stateless=True, max_request_body_size=LARGEST_EVENT)
        self._server.list_tools()(self._list)
        self._server.call_tool(validate_input=False)(self._call)  # each endpoint refuses in one sentence of its own

    @property
    def routes(self) -> list[Route]:
        return [Route(f"/{TOOLS_URL}", _Application(self._manager), methods=["POST"])]

    @contextlib.asynccontextmanager
    async def running(self, app: Any) -> AsyncIterator[None]:
        """A lifespan for a starlette application, in which calls are answered."""
        async with self._manager.run():
            yield

    async def _list(self) -> list[types.Tool]:
        return [
            types.Tool(name=name, description=inspect.getdoc(endpoint), inputSchema=_schema(endpoint))
            for name, endpoint in self._endpoints.items()
        ]

    async def _call(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """What is raised becomes an answer that says so: the library sends an error's text."""
        try:
            answer = await self._answer(name, arguments)
            text = types.TextContent(type="text", text=json.dumps(answer, ensure_ascii=False))
            return types.CallToolResult(content=[text, *await self._shown(answer)])
        except StudioError as error:
            logger.info("refused: %s", error.logged[:LONGEST_LOGGED])
            forget_frames(error)
            said = str(error)
        except Exception as error:
            logger.error("not understood: the tool %s: %s", name[:LONGEST_LOGGED], repr(error)[:LONGEST_LOGGED])
            said = NOT_UNDERSTOOD
        return types.CallToolResult(content=[types.TextContent(type="text", text=said)], isError=True)

    async def _answer(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            raise InvalidRequest("tool", name, "{names}", names=" or ".join(self._endpoints))
        expected = _arguments(endpoint)
        for each in arguments:
            if each not in expected:
                raise InvalidRequest("argument", each, "{names}", names=", ".join(expected))
        for each, parameter in expected.items():
            if parameter.default is parameter.empty and each not in arguments:
                raise InvalidRequest(each, None, "a value; this tool does not do without")
        values = dict(arguments)
        if PAGE in inspect.signature(endpoint).parameters:
            values[PAGE] = self._server.request_context.request
        result = await to_thread.run_sync(lambda: endpoint(**values), limiter=self._calls)
        return await self._last(result) if isinstance(result, Iterator) else result

    async def _last(self, answers: Iterator[Answer]) -> Answer:
        """The last of the answers; the caller hears of the others. Whoever goes ends what makes them."""
        last: Answer = None
        reported = 0.0
        try:
            async for last in _without_waiting(answers, self._calls):
                reported = await self._tell(last, reported)
        finally:
            answers.close()  # type: ignore[attr-defined]
        return last

    async def _tell(self, answer: Mapping[str, Any], reported: float) -> float:
        """Says how far it is, where that is further than what was ``told``, and returns it."""
        context = self._server.request_context
        token = context.meta.progressToken if context.meta else None
        done, total = answer.get("progress", answer.get("done")), answer.get("of", 1)
        if token is not None and done and done > reported:
            await context.session.send_progress_notification(
                token, float(done), float(total or 0), answer["state"], related_request_id=str(context.request_id)
            )
        return max(reported, float(done or 0))

    async def _shown(self, answer: Answer) -> list[types.ImageContent]:
        """Small copies of the first pictures that an answer names."""
        named = answer.get("pictures", []) if isinstance(answer, dict) else answer
        names = [each["name"] for each in named if str(each.get("name")).endswith(".png")][:MOST_SHOWN]
        copies = []
        for name in names:
            with contextlib.suppress(StudioError):  # it may have been deleted meanwhile
                copies.append(await to_thread.run_sync(self._thumbnail, name, limiter=self._calls))
        return [
            types.ImageContent(type="image", data=base64.b64encode(copy).decode(), mimeType="image/webp")
            for copy in copies
        ]


class _Application:
    """The protocol's transport, as an ASGI application."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request(scope, receive, send)


async def _without_waiting(answers: Iterator[Answer], limiter: CapacityLimiter) -> AsyncIterator[Answer]:
    """``answers``, each made in a thread."""
    end = object()
    while (answer := await to_thread.run_sync(next, answers, end, limiter=limiter)) is not end:
        yield answer


def _arguments(endpoint: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {name: each for name, each in inspect.signature(endpoint).parameters.items() if name != PAGE}


def _schema(endpoint: Callable[..., Any]) -> dict[str, Any]:
    """The JSON schema of an endpoint's arguments, from their types and defaults."""
    arguments, hints = _arguments(endpoint), typing.get_type_hints(endpoint)
    properties = {name: TypeAdapter(hints[name]).json_schema() for name in arguments}
    for name, parameter in arguments.items():
        if parameter.default is not parameter.empty:
            properties[name]["default"] = parameter.default
    required = [name for name, parameter in arguments.items() if parameter.default is parameter.empty]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
