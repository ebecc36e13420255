"""The guard: an ASGI application around the page's own, which every request passes before anything else sees it.

It answers by itself what comes for another host (DNS rebinding), what another website sends (CSRF), what no route is
open for, bodies that are too large, too slow or too many. What it lets through carries the address that it
really came from, and what goes out carries the headers that keep other sites' hands off the page. It knows nothing of
gradio but the paths of its routes (`routes.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.requests import Request as HttpRequest

from studio.addresses import counted_as
from studio.errors import StudioError
from studio.hosting.accounts import Lockout
from studio.hosting.asgi import Answer, Application, Receive, Scope, Send, replayed, until_begun
from studio.hosting.kept_page import KeptPage
from studio.hosting.pacing import RateLimiter
from studio.hosting.routes import MEGABYTE, OPEN, Access
from studio.message import Parameter

logger = logging.getLogger(__name__)

GRACE_SECONDS = 15.0  # in which any body may arrive
SLOWEST_BODY = 64 * 2**10  # bytes a second, on average, of one that takes longer
MOST_BODIES = 256 * MEGABYTE  # of all bodies that are being received, together
LONGEST_LOGGED = 200  # characters
LONGEST_NAME = 255  # bytes of a name in a path: of a file, none can be longer
PERSON = "studio.person"  # where a request's scope holds the name of who has logged in
MOST_REQUESTS, MOST_OF_ADDRESS = 2048, 512  # under way at once
DEFAULT_PORTS = {"http": "80", "https": "443"}
FORWARDING = re.compile(rb"forwarded|x-forwarded-.*|x-real-ip|x-gradio-server|x-direct-url")
# gradio's page has scripts and styles in the page itself, and its HTML components build their functions from text.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {frames}"
)


# Of a request, the name of who has logged in, or None.
People: TypeAlias = Callable[[HttpRequest], Awaitable[str | None]]


@dataclass(frozen=True)
class Policy:
    """Whom the guard lets in.

    hosts:     names of this server beside ``localhost``; addresses in numbers are always let in, as nobody can point a
               name of theirs at one and be taken for it
    any_host:  let every name in: for a public server whose names are its host's business, and which has nothing that is
               not public anyway
    proxies:   how many proxies of one's own stand in front; 0 believes nothing that a request says of its way
    frames:    origins that may show the page in a frame, beside its own
    translate: a refusal in the language of an Accept-Language header
    people:    where there are accounts: for the application that is guarded, who somebody is
    """

    hosts: frozenset[str] = frozenset()
    any_host: bool = False
    proxies: int = 0
    frames: tuple[str, ...] = ()
    translate: Callable[[StudioError, str], str] = lambda refusal, languages: str(refusal)
    people: Callable[[Any], People] | None = None
    routes: Mapping[str, Access] = field(default_factory=lambda: OPEN)


Lifespan: TypeAlias = Callable[[Any], contextlib.AbstractAsyncContextManager[None]]


def guarded_by(policy: Policy, *within: Lifespan) -> Lifespan:
    """A lifespan for a starlette application: before the server takes its first request, the guard is put around all
    of it, gradio's own middleware (which answers other sites' pages) included. Other lifespans run ``within``."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        people = policy.people(app) if policy.people else None
        page = app.middleware_stack if people else KeptPage(app.middleware_stack)  # who logs in has one of one's own
        app.middleware_stack = Guard(page, policy, people)
        async with contextlib.AsyncExitStack() as stack:
            for each in within:
                await stack.enter_async_context(each(app))
            yield

    return lifespan


class _Refused(StudioError):
    """``status`` and a sentence; nothing of the request has been passed on."""

    def __init__(self, status: int, message: str, /, **parameters: Parameter) -> None:
        super().__init__(message, **parameters)
        self.status = status


class Guard:
    """Wraps ``app``. One guard serves one event loop."""

    def __init__(self, app: Application, policy: Policy, people: People | None = None) -> None:
        self._app, self._policy, self._people = app, policy, people
        self._lockout = Lockout()
        self._routes = [(_pattern(path), access) for path, access in policy.routes.items()]
        self._open: Counter[str] = Counter()  # requests under way, by address
        self._pace = RateLimiter()
        self._bodies = 0  # bytes received of requests that are not passed on yet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page uses no web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        address = self._address(scope)
        self._open[address] += 1
        guarded = Answer(send, self._headers())
        try:
            await self._pass(scope, receive, guarded, address)
            await guarded.end()
        except _Refused as refusal:
            logger.info("%d to %s: %s", refusal.status, address or "somebody", refusal)
            await guarded.refuse(refusal.status, self._said(scope, refusal))
        except Exception as error:
            logger.error("not understood: %s %s: %r", scope["method"], scope["path"][:LONGEST_LOGGED], error)
            status = 400 if isinstance(error, (LookupError, TypeError, ValueError)) else 500
            problem = _Refused(status, "The studio could not make sense of this request.")
            await guarded.refuse(status, self._said(scope, problem))
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    async def _pass(self, scope: Scope, receive: Receive, answer: Answer, address: str) -> None:
        """Passes a request on that nothing speaks against. Raises `_Refused` for all others."""
        self._check_room(address)
        host = self._check_host(scope)
        self._check_origin(scope, host)
        access = self._access(scope)
        if access.is_event:
            await self._take_turn(address)
        person = await self._person(scope, access, address)
        body = await self._body(scope, receive, access)
        scope = {**scope, "headers": self._believed(scope), "client": (address, 0) if address else None, PERSON: person}
        work = self._app(scope, replayed(body, receive), answer.send)
        try:
            await (work if access.seconds is None else until_begun(work, answer, access.seconds))
        except TimeoutError:
            raise _Refused(503, "This took too long and was given up. Please try again later.") from None
        if access.counts_tries and answer.status == 400:
            self._lockout.count(address)

    async def _person(self, scope: Scope, access: Access, address: str) -> str:
        """Who asks, where one has to say so."""
        tries = access.counts_tries or bool(_values(scope, b"authorization"))
        if self._people is None or (access.is_public and not tries):
            return ""
        if tries and self._lockout.is_locked(address):
            raise _Refused(429, "Too many wrong names or passwords came from here. Please try again in 15 minutes.")
        if access.is_public:
            return ""
        person = await self._people(HttpRequest(scope))
        if person is None:
            if tries:
                self._lockout.count(address)
            raise _Refused(401, "Please log in first.")
        return person

    def _check_room(self, address: str) -> None:
        if self._open[address] > MOST_OF_ADDRESS or self._open.total() > MOST_REQUESTS:
            raise _Refused(503, "Too many requests are under way. Please try again later.")

    async def _take_turn(self, address: str) -> None:
        wait = self._pace.wait(address, time.monotonic())
        if wait is None:
            raise _Refused(503, "Too many requests are under way. Please try again later.")
        if wait:
            await asyncio.sleep(wait)

    def _check_host(self, scope: Scope) -> str:
        """The host and port that the request is for, as its sender believes."""
        named = _values(scope, b"host")
        if len(named) != 1:
            raise _Refused(400, "A request names the one host that it is for.")
        host = named[0].lower()
        if not self._is_ours(_name(host)):
            raise _Refused(421, "This server is not known by that name; STUDIO_HOSTS lists those that it has.")
        return host

    def _is_ours(self, name: str) -> bool:
        if self._policy.any_host or name == "localhost" or name in self._policy.hosts:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    def _check_origin(self, scope: Scope, host: str) -> None:
        """What changes something must not come from another site's page."""
        if scope["method"] in ("GET", "HEAD"):
            return
        origins = _values(scope, b"origin")
        is_foreign = _values(scope, b"sec-fetch-site") == ["cross-site"] and not origins
        shown_as = self._forwarded_host(scope) or host
        if is_foreign or any(not self._is_same_site(origin, shown_as.lower()) for origin in origins):
            raise _Refused(403, "Another website's page may not send this.")

    def _is_same_site(self, origin: str, host: str) -> bool:
        scheme, separator, place = origin.lower().partition("://")
        if not separator:
            return False  # "null", as files, sandboxed frames and some redirections say
        port = DEFAULT_PORTS.get(scheme, "")
        return place.removesuffix(f":{port}") == host.removesuffix(f":{port}") or place in self._policy.hosts

    def _access(self, scope: Scope) -> Access:
        if any(len(name.encode(errors="replace")) > LONGEST_NAME for name in scope["path"].split("/")):
            raise _Refused(404, "There is nothing here.")
        found = next((access for pattern, access in self._routes if pattern.fullmatch(scope["path"])), None)
        if found is None:
            raise _Refused(404, "There is nothing here.")
        if scope["method"] not in found.methods:
            raise _Refused(405, "Here one may only {methods}.", methods=" or ".join(found.methods))
        return found

    async def _body(self, scope: Scope, receive: Receive, access: Access) -> bytes:
        """All of the body, if it is small and quick enough."""
        announced = _values(scope, b"content-length")
        if announced and (not announced[0].isdecimal() or len(announced[0]) > 15 or int(announced[0]) > access.body):
            raise _too_large(access.body)
        chunks, length, began = [], 0, time.monotonic()
        try:
            more = True
            while more:
                patience = GRACE_SECONDS + length / SLOWEST_BODY - (time.monotonic() - began)
                message = await asyncio.wait_for(receive(), max(0.0, patience))
                if message["type"] == "http.disconnect":
                    raise _Refused(400, "The connection ended before the request did.")
                chunk = message.get("body", b"")
                chunks.append(chunk)
                length += len(chunk)
                self._bodies += len(chunk)
                if length > access.body:
                    raise _too_large(access.body)
                if self._bodies > MOST_BODIES:
                    raise _Refused(503, "Too much is being uploaded at once. Please try again later.")
                more = message.get("more_body", False)
        except TimeoutError:
            raise _Refused(408, "The request came too slowly.") from None
        finally:
            self._bodies -= length
        return b"".join(chunks)

    def _address(self, scope: Scope) -> str:
        """Where the request comes from: what our own outermost proxy saw, if there are any; of IPv6, its network."""
        client = scope.get("client")
        peer = str(client[0]) if client else ""
        forwarded = [each.strip() for value in _values(scope, b"x-forwarded-for") for each in value.split(",")]
        if not self._policy.proxies or not forwarded:
            return counted_as(peer)
        return counted_as(forwarded[-min(self._policy.proxies, len(forwarded))])

    def _believed(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """The headers without what a stranger may have written of the way that the request has come. A proxy's word
        for its host counts where that host is ours."""
        kept = [(name, value) for name, value in scope["headers"] if not FORWARDING.fullmatch(name)]
        if host := self._forwarded_host(scope):
            kept.append((b"x-forwarded-host", host.encode("latin-1")))
        if self._policy.proxies:
            schemes = _values(scope, b"x-forwarded-proto")
            if schemes in (["http"], ["https"]):
                kept.append((b"x-forwarded-proto", schemes[0].encode()))
        return kept

    def _forwarded_host(self, scope: Scope) -> str:
        """The host that a proxy of ours was asked for, where it says one and that is ours; else nothing."""
        hosts = _values(scope, b"x-forwarded-host")
        is_believed = self._policy.proxies and len(hosts) == 1 and self._is_ours(_name(hosts[0].lower()))
        return hosts[0] if is_believed else ""

    def _headers(self) -> list[tuple[bytes, bytes]]:
        frames = " ".join(("'self'", *self._policy.frames))
        headers = [
            ("content-security-policy", POLICY.format(frames=frames)),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ]
        if not self._policy.frames:
            headers.append(("x-frame-options", "SAMEORIGIN"))
        return [(name.encode(), value.encode()) for name, value in headers]

    def _said(self, scope: Scope, refusal: StudioError) -> str:
        return self._policy.translate(refusal, ",".join(_values(scope, b"accept-language")))


def _too_large(limit: int) -> _Refused:
    if limit == 0:
        return _Refused(413, "A request to this address has no body.")
    size = f"{limit // MEGABYTE} MB" if limit >= MEGABYTE else f"{limit} bytes"
    return _Refused(413, "This is too large; at most {size} are taken.", size=size)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _name(host: str) -> str:
    """``host`` without its port."""
    return re.sub(r":\d*$", "", host)


def _pattern(path: str) -> re.Pattern[str]:
    """A route's path, with holes as in starlette, as a pattern."""
    parts = re.split(r"\{(\w+(?::path)?)\}", path)
    return re.compile(
        "".join(
            (".*" if part.endswith(":path") else "[^/]+") if at % 2 else re.escape(part)
            for at, part in enumerate(parts)
        ),
        re.DOTALL,
    )
