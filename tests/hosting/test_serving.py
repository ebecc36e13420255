"""Wherever the page is served it is reached, what cannot be served says why in a sentence, and nobody's connections keep
the others out."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from studio.errors import StudioError
from studio.hosting import serving
from studio.hosting.serving import Connections, SeldomLog, bound_sockets, most_connections
from tests.hosting.visitor import Visitor
from tests.running import ROOT, Studio, running_studio

# In the studio's own process: it does not get through to itself, as on a machine that is too busy to answer in time.
DEAF = """
import os, sys
def _refuse(event, arguments):
    if event == "socket.connect" and arguments[1][1:2] == (int(os.environ["STUDIO_PORT"]),):
        raise TimeoutError("timed out")
sys.addaudithook(_refuse)
"""
PAGES = 60
FEW = 600  # file descriptors; a studio alone has some fifty


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """On all addresses of both kinds, with few file descriptors, of which it is not even given all at first."""
    limited = (
        "import resource, runpy, sys; "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (256, {FEW})); "
        "sys.path.insert(0, '.'); runpy.run_path('app.py', run_name='__main__')"
    )
    data = tmp_path_factory.mktemp("narrow") / "data"
    with running_studio(data, program=("-c", limited), STUDIO_HOST="::", STUDIO_ENGINE="scripted") as studio:
        yield studio


def _port_of(studio: Studio) -> int:
    return int(studio.url.rpartition(":")[2])


def test_on_all_addresses_it_is_reached_by_both_kinds(narrow: Studio) -> None:
    for host in ("127.0.0.1", "[::1]", "localhost"):
        url = f"http://{host}:{_port_of(narrow)}"
        with httpx.Client(base_url=url, timeout=30) as client:
            body = {"data": [""], "fn_index": 0, "session_hash": "one"}
            for origin, status in ((url, 200), (f"http://{host}:1", 403)):
                answer = client.post("/gradio_api/queue/join", json=body, headers={"Origin": origin})
                assert answer.status_code == status, (url, origin, answer.text)


@pytest.mark.slow
def test_a_person_draws_on_an_address_of_six(tmp_path: Path) -> None:
    with running_studio(tmp_path, STUDIO_HOST="::1", at="[::1]", STUDIO_ENGINE="scripted") as studio:
        with Visitor(studio.url) as visitor:
            visitor.draws()
        assert f"Latent Studio is at {studio.url}" in studio.log


@pytest.mark.slow
def test_it_starts_without_getting_through_to_itself(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(DEAF)
    with running_studio(tmp_path / "data", PYTHONPATH=str(tmp_path)) as studio, Visitor(studio.url) as visitor:
        visitor.draws()


def test_a_page_that_is_opened_costs_little(studio: Studio) -> None:
    """gradio kept half a megabyte of settings for each, and took 40 ms to write them down, beside 5 for all else. What
    a new page costs is compared with what one costs that is known, as processors differ."""
    process = psutil.Process(studio.pid)
    with Visitor(studio.url) as visitor:
        event = visitor.event("text_to_image", "live", "ready")

        def seconds_of(names: Iterable[str]) -> float:
            used = process.cpu_times().user
            for name in names:
                body = {"data": [""], "fn_index": event["id"], "session_hash": name}
                assert visitor.http.post("/gradio_api/queue/join", json=body).status_code == 200
            return process.cpu_times().user - used

        seconds_of(f"first{number}" for number in range(PAGES))  # which import what is needed
        held = process.memory_info().rss
        new = seconds_of(f"page{number}" for number in range(PAGES))
        grown = process.memory_info().rss - held
        known = seconds_of(f"page{number}" for number in range(PAGES))
    assert new < 2 * known
    assert grown < PAGES * 250_000


@pytest.mark.parametrize(
    "host", ["nowhere.invalid", "203.0.113.7", "2001:db8::1", "fe80::1%nothing", "1.2.3.4.5", "a b"]
)
def test_an_address_of_no_use_is_said_in_one_sentence(host: str) -> None:
    with pytest.raises(StudioError, match=r"STUDIO_HOST is '.*'; expected an address or a name of this machine\."):
        bound_sockets(host, 0)


@pytest.mark.parametrize("host", ["::1", "::", "::ffff:127.0.0.1", "127.0.0.1", "0.0.0.0", "localhost", "127.1"])
def test_whoever_has_the_port_keeps_it(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as taken:
        taken.bind(("::1" if host in ("::1", "::") else "::ffff:127.0.0.1" if ":" in host else "127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StudioError, match=f"Port {port} is taken"):
            bound_sockets(host, port)


def test_a_port_that_is_taken_ends_the_start_before_it_begins(tmp_path: Path, studio: Studio) -> None:
    port = studio.url.rpartition(":")[2]
    environment = {**os.environ, "STUDIO_DATA": str(tmp_path / "data"), "STUDIO_PORT": port}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"Latent Studio cannot start: Port {port} is taken; set STUDIO_PORT to another one.\n"
    assert not (tmp_path / "data").exists(), "nothing was begun"


def test_the_limit_of_descriptors_is_raised_as_far_as_it_goes(narrow: Studio) -> None:
    assert resource.prlimit(narrow.pid, resource.RLIMIT_NOFILE) == (FEW, FEW)


@contextlib.contextmanager
def _held_open(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Connections that ask for nothing."""
    with contextlib.ExitStack() as held:
        yield [held.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(count)]


def test_connections_that_are_held_open_keep_nobody_out(narrow: Studio) -> None:
    before = len(narrow.log)
    with Visitor(narrow.url) as inside, _held_open(_port_of(narrow), 2 * FEW), Visitor(narrow.url) as late:
        assert len(list(Path(f"/proc/{narrow.pid}/fd").iterdir())) < FEW - 100, "there are some left for files"
        inside.draws()
        late.draws()
    assert len(narrow.log) - before < 20_000, "the log tells it now and then"
    assert "connections are full" in narrow.log[before:]


def test_there_is_room_for_files_whatever_the_limit() -> None:
    assert [most_connections(each) for each in (None, 2**20, 1024, 600, 256)] == [4096, 4096, 640, 300, 128]


class Held:
    """Stands for a connection, as its list of the open ones sees it."""

    def __init__(self, address: str, *, is_silent: bool = True, has_asked: bool = False) -> None:
        self.address, self.is_silent, self.has_asked, self.is_closed = address, is_silent, has_asked, False

    def close(self) -> None:
        self.is_closed = True


def test_who_has_never_asked_makes_room_then_who_does_not_ask_now() -> None:
    connections = Connections(8)
    busy, idle, old = Held("a", is_silent=False), Held("a", has_asked=True), Held("a")
    new = [Held("a", is_silent=False) for _ in range(4)]
    assert [connections.add(each) for each in (busy, idle, old, *new)] == [True] * 6 + [False]  # type: ignore[arg-type]
    assert (busy.is_closed, idle.is_closed, old.is_closed) == (False, True, True), "an address has half of them"


def test_one_address_leaves_room_for_others_though_all_of_it_is_at_work() -> None:
    connections = Connections(4)
    assert [connections.add(Held("a", is_silent=False)) for _ in range(4)] == [True, True, False, False]  # type: ignore[arg-type]
    others = [Held("b", is_silent=False) for _ in range(2)]
    assert all(connections.add(each) for each in others)  # type: ignore[arg-type]
    assert not connections.add(Held("c")), "now it is full"  # type: ignore[arg-type]
    connections.discard(others[0])  # type: ignore[arg-type]
    assert connections.add(Held("c"))  # type: ignore[arg-type]
    assert len(connections) == 4


def test_the_same_is_said_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    log = SeldomLog()
    for number in range(2500):
        log.warn("%d times", now=number / 1000)
    assert [each.getMessage() for each in caplog.records] == ["1 times", "1000 times", "1000 times"]


def test_a_silent_connection_is_closed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "SILENT_SECONDS", 0.1)
    (taken,) = bound_sockets("127.0.0.1", 0)

    async def app(scope: dict, receive: object, send: object) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()  # type: ignore[operator]
                await send({"type": f"{message['type']}.complete"})  # type: ignore[operator]
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"hi"})  # type: ignore[operator]

    server = serving.Server(app, [taken], Connections(10))
    server.start()
    try:
        address = taken.getsockname()
        for said in (b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"x" * 3):
            with socket.create_connection(address, 10) as connection:
                connection.sendall(said)
                begun, told = time.monotonic(), b""
                with contextlib.suppress(ConnectionResetError):
                    while chunk := connection.recv(1000):
                        told += chunk
                assert time.monotonic() - begun < 4, "sooner than a connection is kept alive"
                assert told.startswith(b"HTTP/1.1 200") == said.endswith(b"\r\n\r\n")
    finally:
        server.close()
