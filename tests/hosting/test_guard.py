"""Nothing reaches the page but what the page is for, and nothing leaves it that another site could use."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.hosting import guard, routes
from studio.hosting.guard import Guard, Policy
from studio.hosting.pacing import RateLimiter
from studio.hosting.routes import Access
from studio.settings import read_settings
from tabs.page import policy_of
from tests.running import ROOT, Studio, run_async


@pytest.fixture
def http(studio: Studio) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=studio.url, timeout=30) as client:
        yield client


# In a process of its own: gradio leaves event loops open.
ROUTES = """
import sys
from pathlib import Path
import gradio as gr
from studio.backends.local import LocalClient
from studio.hosting.bootstrap import opened_studio
from studio.settings import Settings
from tabs.page import build_page, launch_options

LocalClient._start = lambda self: None
with opened_studio(Settings(data=Path(sys.argv[1]), metrics=True, mcp=True)) as studio:
    options = launch_options(studio)["app_kwargs"]
    app = gr.routes.App.create_app(build_page(studio), app_kwargs=options)
for route in app.routes:
    inner = getattr(route, "original_router", None)
    for each in inner.routes if inner is not None else [route]:
        print(each.path)
"""


def _routes_of(data: Path) -> set[str]:
    """The paths of all routes of the real app."""
    done = subprocess.run([sys.executable, "-c", ROUTES, data], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_every_route_of_the_running_app_has_a_row(tmp_path: Path) -> None:
    """A new version of gradio cannot open a door unseen."""
    known = {*routes.OPEN, *routes.OPEN_TO_LOG_IN, *routes.CLOSED}
    assert _routes_of(tmp_path) - known == set(), "decide who may call these, in studio/hosting/routes.py"


def test_no_route_is_both_open_and_closed_and_none_is_reached_by_another_s_pattern() -> None:
    assert set(routes.OPEN) & set(routes.CLOSED) == set()
    for path in routes.CLOSED:
        example = re.sub(r"\{[^}]*\}", "x", path)
        assert not any(guard._pattern(each).fullmatch(example) for each in routes.OPEN), path


@pytest.mark.parametrize("path", routes.CLOSED)
def test_what_the_page_does_not_need_is_closed(http: httpx.Client, path: str) -> None:
    for method in ("GET", "POST"):
        answer = http.request(method, re.sub(r"\{[^}]*\}", "x", path))
        assert answer.status_code == 404
        assert answer.json() == {"error": "There is nothing here."}


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd", "/gradio_api/file=http://127.0.0.1:1/a.png", "/gradio_api/%66ile=/etc/passwd",
        "/gradio_api//upload", "/gradio_api/./upload", "/GRADIO_API/upload", "/gradio_api/upload/", "/nothing",
        "/assets/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/studio/pictures/../sources/x",
        "/studio/pictures/%2e%2e%2f%2e%2e%2fledger.db", "/studio/pictures/" + "a" * 5000,
    ],
)  # fmt: skip
def test_no_spelling_opens_a_closed_door(http: httpx.Client, path: str) -> None:
    for method in ("GET", "POST"):
        assert http.request(method, path).status_code in (403, 404, 405), path


HOSTS = [
    "evil.example",
    "evil.example:7860",
    "127.0.0.1.nip.io",
    "localhost.evil.example",
    "localhost.",
    "",
    "[::g]",
    "a b",
]


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_is_not_ours_is_not_served(studio: Studio, host: str) -> None:
    """DNS rebinding: a stranger's name that points here must get nothing of the page."""
    assert _status(studio, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n") in (400, 421)


def test_a_request_names_one_host(studio: Studio) -> None:
    own = studio.url.removeprefix("http://")
    assert _status(studio, "GET / HTTP/1.0\r\n\r\n") == 400
    assert _status(studio, f"GET / HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\n\r\n") == 400


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "192.168.1.20", "LOCALHOST"])
def test_numbers_and_localhost_are_served(studio: Studio, host: str) -> None:
    assert _status(studio, f"GET /robots.txt HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n") == 200


def _status(studio: Studio, request: str) -> int:
    address, port = studio.url.removeprefix("http://").split(":")
    with socket.create_connection((address, int(port)), timeout=10) as connection:
        connection.sendall(request.encode("latin-1"))
        return int(connection.recv(4096).split()[1])


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1", "evil", ""]
)
@pytest.mark.parametrize("path", ["/studio/sources", "/gradio_api/queue/join", "/gradio_api/cancel"])
def test_another_site_s_page_cannot_send_anything(http: httpx.Client, path: str, origin: str) -> None:
    assert http.post(path, content=b"x", headers={"Origin": origin}).status_code == 403


def test_another_site_s_page_may_not_read_either(http: httpx.Client) -> None:
    """gradio echoes any origin with credentials where the host is local."""
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        answer = http.request(method, "/config", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_our_own_page_may_send(http: httpx.Client, studio: Studio) -> None:
    answer = http.post("/studio/sources", content=b"no picture", headers={"Origin": studio.url})
    assert answer.status_code == 400
    assert "The file is text" in answer.json()["error"]


def test_what_a_stranger_says_of_the_way_is_not_believed(http: httpx.Client, studio: Studio) -> None:
    headers = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Gradio-Server": "http://evil.example",
    }
    answer = http.get("/config", headers=headers)
    assert "evil.example" not in answer.text
    assert answer.json()["root"] == studio.url


@pytest.mark.parametrize("path", ["/", "/config", "/studio/pictures/" + "0" * 32 + ".png", "/nothing", "/theme.css"])
def test_every_answer_carries_what_keeps_other_sites_out(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "SAMEORIGIN"


def test_bodies_have_a_size(http: httpx.Client) -> None:
    """100 MB of JSON took the page from 205 to 904 MB."""
    for path, size in (("/gradio_api/queue/join", routes.LARGEST_EVENT), ("/studio/sources", routes.LARGEST_PICTURE)):
        for content in (b"\0" * (size + 1), iter([b"\0" * 2**20] * (size // 2**20 + 1))):  # announced, and in chunks
            answer = http.post(path, content=content)
            assert answer.status_code == 413
            assert "at most" in answer.json()["error"]
    assert http.request("GET", "/", content=b"x").status_code == 413


# What takes long, or many people, is asked of a guard around an application of four lines.


def _ask(
    policy: Policy, scope: dict[str, Any], messages: list[Any], app: Callable[..., Any] | None = None
) -> list[Any]:
    """What a guard with this policy answers. A number among ``messages`` is a pause in seconds."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def receive() -> dict[str, Any]:
        while isinstance(messages[0], float):
            await asyncio.sleep(messages.pop(0))
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scopes: list[Any] = []
    sent: list[Any] = []
    first = {
        "type": "http",
        "method": "POST",
        "path": "/open",
        "client": ("192.0.2.1", 5),
        "headers": [(b"host", b"localhost")],
    }
    run_async(Guard(app or answer, policy)({**first, **scope}, receive, send))
    return [sent[0]["status"], sent[-1]["body"], scopes[0] if scopes else None]


POLICY = Policy(routes={"/open": routes.Access(("POST",), 100, 0.2)})


def _part(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_comes_through_whole() -> None:
    status, body, _ = _ask(POLICY, {}, [_part(b"one ", True), _part(b"two")])
    assert (status, body) == (200, b"one two")


def test_a_slow_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "GRACE_SECONDS", 0.05)
    status, body, passed = _ask(POLICY, {}, [_part(b"a", True), 5.0, _part(b"b")])
    assert (status, passed) == (408, None)
    assert b"too slowly" in body


def test_all_bodies_together_have_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST_BODIES", 50)
    assert _ask(POLICY, {}, [_part(b"x" * 60)])[0] == 503


def test_a_handler_that_hangs_is_given_up() -> None:
    async def hang(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(5)

    assert _ask(POLICY, {}, [_part(b"")], hang)[0] == 503


def test_a_number_of_bytes_that_is_none_is_refused() -> None:
    for length in (b"-1", b"1e9", b"9" * 400, b"x", b"101"):
        assert _ask(POLICY, {"headers": [(b"host", b"localhost"), (b"content-length", length)]}, [_part(b"")])[0] == 413


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, b"203.0.113.9", "192.0.2.1"),  # nobody's word counts
        (1, b"203.0.113.9", "203.0.113.9"),
        (1, b"invented, 203.0.113.9", "203.0.113.9"),  # the last one is our proxy's own
        (2, b"invented, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
    ],
)
def test_the_address_is_what_our_own_proxy_saw(proxies: int, forwarded: bytes, address: str) -> None:
    headers = [(b"host", b"localhost"), (b"x-forwarded-for", forwarded)]
    policy = Policy(proxies=proxies, routes=POLICY.routes)
    _, _, scope = _ask(policy, {"headers": headers}, [_part(b"")])
    assert scope["client"][0] == address


def test_behind_a_proxy_the_page_is_called_by_its_name() -> None:
    policy = Policy(hosts=frozenset({"studio.example"}), proxies=1, routes=POLICY.routes)
    way = [(b"x-forwarded-host", b"studio.example"), (b"x-forwarded-proto", b"https")]
    for origin, status in ((b"https://studio.example", 200), (b"https://other.example", 403)):
        headers = [(b"host", b"10.0.0.7:7860"), (b"origin", origin), *way]
        answered, _, scope = _ask(policy, {"headers": headers}, [_part(b"")])
        assert answered == status
        assert scope is None or set(way) < set(scope["headers"])


@pytest.mark.parametrize(
    ("proxies", "forwarded", "origin", "status"),
    [
        (1, [b"127.0.0.1:8443"], b"https://127.0.0.1:8443", 200),  # the proxy says what it was called by
        (1, [b"localhost"], b"https://localhost:443", 200),
        (1, [b"127.0.0.1:8443"], b"https://127.0.0.1:9000", 403),
        (1, [b"evil.example"], b"https://evil.example", 403),  # a name that is not ours
        (1, [b"127.0.0.1", b"127.0.0.2"], b"https://127.0.0.1", 403),
        (0, [b"127.0.0.1:8443"], b"https://127.0.0.1:8443", 403),  # nobody's word counts
    ],
)
def test_a_page_behind_a_proxy_may_send(proxies: int, forwarded: list[bytes], origin: bytes, status: int) -> None:
    headers = [(b"host", b"10.0.0.7:7860"), (b"origin", origin), *((b"x-forwarded-host", host) for host in forwarded)]
    policy = Policy(proxies=proxies, routes=POLICY.routes)
    assert _ask(policy, {"headers": headers}, [_part(b"")])[0] == status


def test_on_spaces_any_name_is_served_and_other_sites_are_not() -> None:
    settings = read_settings({"SPACE_ID": "somebody/studio", "SPACE_HOST": "somebody-studio.hf.space"})
    policy = dataclasses.replace(policy_of(settings), routes=POLICY.routes)
    for host, origin, status in (
        (b"somebody-studio.hf.space", b"https://somebody-studio.hf.space", 200),
        (b"internal.name", b"https://somebody-studio.hf.space", 200),
        (b"somebody-studio.hf.space", b"https://evil.example", 403),
    ):
        headers = [(b"host", host), (b"origin", origin)]
        assert _ask(policy, {"headers": headers}, [_part(b"")])[0] == status


def test_events_take_turns_by_address_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """600 pages that one machine opened kept the page's process busy for 49 s."""
    monkeypatch.setattr(guard, "RateLimiter", lambda: RateLimiter(a_second=0.001, at_once=2))
    access = {"/event": Access(("POST",), is_event=True), "/open": Access(("POST",))}

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def ask_all() -> list[int]:
        guarded, told = Guard(answer, Policy(routes=access)), []

        async def send(message: dict[str, Any]) -> None:
            told.extend([message["status"]] if "status" in message else [])

        for address, path in (
            ("192.0.2.1", "/event"), ("192.0.2.1", "/event"), ("192.0.2.1", "/event"), ("192.0.2.1", "/open"),
            ("::ffff:192.0.2.1", "/event"), ("192.0.2.2", "/event"),
            ("2001:db8::1", "/event"), ("2001:db8::2", "/event"), ("2001:db8::3", "/event"),
        ):  # fmt: skip
            scope = {"type": "http", "method": "POST", "path": path, "client": (address, 5)}
            await guarded({**scope, "headers": [(b"host", b"[::1]:7860")]}, receive, send)
        return told

    assert run_async(ask_all()) == [200, 200, 503, 200, 503, 200, 200, 200, 503]
