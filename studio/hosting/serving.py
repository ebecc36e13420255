"""The server under the page: sockets that are taken before anything else begins, and no more connections than there are
file descriptors for. It knows neither the page nor gradio, only an ASGI application.

Whoever holds connections open without asking for anything keeps nobody out: the oldest that has never asked makes room
for the next that comes, and where there is none, the oldest that asks for nothing now.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import sys
import threading
import time
from collections import defaultdict
from functools import partial
from itertools import islice
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from studio.addresses import counted_as
from studio.errors import InvalidRequest, StudioError

if sys.platform != "win32":
    import resource

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 4096  # twice as many as the guard lets ask at once
RESERVED = (
    384  # descriptors for what is no connection: files that are sent, the ledger, pipes, and one ACCEPTED_AT_ONCE
)
MOST_ON_MACOS = 10_240  # there, the hard limit says "infinity", which is refused
ACCEPTED_AT_ONCE = 32  # connections; asyncio takes some four times as many before the first can be turned away
WAITING = 1024  # connections that wait to be accepted
SILENT_SECONDS = 15.0  # after which a connection that asks for nothing is closed
LOOKED_THROUGH = 64  # connections, to find a silent one
LOG_SECONDS = 1.0
CLOSING_SECONDS = 5.0
FULL = b'{"error": "Too many connections are open. Please try again later."}'
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(FULL), FULL)
)


def bound_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets for every address that ``host`` stands for, bound but not listening yet; ``::`` takes IPv4 as well.
    Raises `StudioError` where they cannot be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, ValueError):
        raise InvalidRequest("STUDIO_HOST", host, "an address or a name of this machine") from None
    sockets: list[socket.socket] = []
    problem: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            sockets.append(_bound(family, address))
        except OSError as error:
            problem = error
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                break  # a page on some of its addresses only would be another program's on the others
    if problem is None or (sockets and problem.errno not in (errno.EADDRINUSE, errno.EACCES)):
        return sockets  # without those of IPv6 where a machine has none
    for each in sockets:
        each.close()
    raise _refusal(problem, host, port)


def _bound(family: int, address: Any) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would take a port that is another program's
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            takes_both = address[0] == "::" or address[0].startswith("::ffff:")
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if takes_both else 1)
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made


def _refusal(problem: OSError, host: str, port: int) -> StudioError:
    if problem.errno == errno.EADDRINUSE:
        return StudioError("Port {port} is taken; set STUDIO_PORT to another one.", port=port)
    if problem.errno == errno.EACCES:
        return StudioError("Port {port} is not for everybody; set STUDIO_PORT to one above 1023.", port=port)
    return InvalidRequest("STUDIO_HOST", host, "an address or a name of this machine")


def raise_descriptor_limit() -> int | None:
    """Lets this process, and those that it starts, have as many file descriptors as they may; how many that are, None
    where there is no limit."""
    if sys.platform == "win32":
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, MOST_ON_MACOS):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
            break
    return None if soft == resource.RLIM_INFINITY else soft


def most_connections(descriptors: int | None) -> int:
    """How many may be open, with so many file descriptors in all."""
    if descriptors is None:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, max(descriptors - RESERVED, descriptors // 2))


class SeldomLog:
    """Says the same thing once a second at most, and how often it has happened since."""

    def __init__(self) -> None:
        self._said, self._count = float("-inf"), 0

    def warn(self, message: str, now: float | None = None) -> None:
        """``message`` has a place for the number."""
        now = time.monotonic() if now is None else now
        self._count += 1
        if now - self._said >= LOG_SECONDS:
            logger.warning(message, self._count)
            self._said, self._count = now, 0


class Connections:
    """Those that are open, in the order in which they have last been found at work. ``most`` of all; of one address
    half of them, unless ``by_address`` is off, as it must be behind a proxy, from which all come."""

    def __init__(self, most: int, *, by_address: bool = True) -> None:
        self._most, self._most_of_one = most, max(1, most // 2) if by_address else most
        self._open: dict[Connection, None] = {}
        self._of: defaultdict[str, dict[Connection, None]] = defaultdict(dict)
        self._log = SeldomLog()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, new: Connection) -> bool:
        """Whether there is room for one more; where there is none, a silent one is closed for it."""
        own = self._of[new.address]
        for among, most in ((own, self._most_of_one), (self._open, self._most)):
            if len(among) >= most:
                self._log.warn("connections are full: %d were closed or turned away")
                if not self._close_one(among):
                    self._tidy(new.address)
                    return False
        self._open[new] = own[new] = None
        return True

    def discard(self, gone: Connection) -> None:
        self._open.pop(gone, None)
        self._of[gone.address].pop(gone, None)
        self._tidy(gone.address)

    def _close_one(self, among: dict[Connection, None]) -> bool:
        looked_at = list(islice(among, LOOKED_THROUGH))
        silent = [each for each in looked_at if each.is_silent]
        closed = next((each for each in silent if not each.has_asked), silent[0] if silent else None)
        if closed is not None:
            self.discard(closed)
            closed.close()
            return True
        for each in looked_at:
            among[each] = among.pop(each)  # it is looked at again when all others have been
        return False

    def _tidy(self, address: str) -> None:
        if not self._of[address]:
            del self._of[address]


class Connection(H11Protocol):
    """One connection, of HTTP/1.1; it is closed where it asks for nothing for a while."""

    def __init__(self, open_ones: Connections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._open_ones = open_ones
        self._is_refused = False
        self._seen: object = None
        self._look: asyncio.TimerHandle | None = None
        self.address = ""

    @property
    def has_asked(self) -> bool:
        """Whether it has ever brought a request."""
        return self.cycle is not None

    @property
    def is_silent(self) -> bool:
        """Whether no request is under way on it."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        peer = transport.get_extra_info("peername")
        self.address = counted_as(str(peer[0])) if isinstance(peer, tuple) else ""
        if self._open_ones.add(self):
            super().connection_made(transport)
            self._look = self.loop.call_later(SILENT_SECONDS, self._close_if_silent)
            return
        self._is_refused = True
        transport.write(REFUSAL)
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        if not self._is_refused:
            self._open_ones.discard(self)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_refused:
            super().data_received(data)

    def close(self) -> None:
        self.transport.abort()

    def _close_if_silent(self) -> None:
        if self.is_silent and self.cycle is self._seen:
            self.close()
            return
        self._seen = self.cycle
        self._look = self.loop.call_later(SILENT_SECONDS, self._close_if_silent)


class Server(uvicorn.Server):
    """Serves ``app`` on ``sockets`` in a thread of its own, from `start` to `close`."""

    def __init__(self, app: Any, sockets: list[socket.socket], connections: Connections) -> None:
        host, port = sockets[0].getsockname()[:2]
        super().__init__(
            uvicorn.Config(
                app, host, port, http=partial(Connection, connections), lifespan="on", log_level="warning",  # type: ignore[arg-type]
                backlog=ACCEPTED_AT_ONCE, proxy_headers=False,  # the guard says whose word for an address counts
            )
        )  # fmt: skip
        self._sockets, self._log = sockets, SeldomLog()
        self._is_decided = threading.Event()
        self._thread = threading.Thread(target=self._serve_to_the_end, daemon=True, name="server")

    def start(self) -> None:
        """Returns once it is served, however long that takes. Raises `StudioError` where it cannot be."""
        self._thread.start()
        self._is_decided.wait()
        if not self.started:
            raise StudioError("The page cannot be served; the log says why.")

    def close(self) -> None:
        self.should_exit = True
        self._thread.join(CLOSING_SECONDS)

    def _serve_to_the_end(self) -> None:
        try:
            self.run(self._sockets)
        except (Exception, SystemExit):
            logger.exception("the server has ended")
        finally:
            self._is_decided.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(self._handle)
        await super().startup(sockets)
        for each in self._sockets:
            each.listen(WAITING)  # to asyncio, both are one number
        self._is_decided.set()

    def _handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """asyncio says a thousand times a second that it cannot accept a connection, for want of descriptors."""
        if "socket.accept()" in str(context.get("message")):
            self._log.warn(f"connections cannot be accepted ({context.get('exception')}), %d times")
        else:
            loop.default_exception_handler(context)
