"""The page is made once for each name that people come by, and is right for every one of them."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from studio.hosting.kept_page import MOST_NAMES, KeptPage
from tests.running import Studio, run_async

made: list[str] = []


def _page(request: Request) -> Response:
    made.append(request.headers["host"])
    if "fails" in request.headers["host"]:
        return PlainTextResponse("later", 503)
    answer = PlainTextResponse(f"{len(made)} for {request.headers['host']} {request.query_params}")
    if "cookie" in request.headers["host"]:
        answer.set_cookie("who", "you")
    return answer


def _get(*asked: tuple[str, str, dict[str, str]]) -> list[str]:
    """The answers of one app to requests one after the other: method, URL, headers."""
    made.clear()
    app: Any = KeptPage(Starlette(routes=[Route("/", _page), Route("/config", _page)]))

    async def ask() -> list[str]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
            return [(await http.request(method, url, headers=headers)).text for method, url, headers in asked]

    return run_async(ask())


def test_the_same_page_is_made_once() -> None:
    assert len(set(_get(*[("GET", "http://one/", {})] * 3))) == 1
    assert made == ["one"]


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://two/", {}), ("https://one/", {}), ("http://one/", {"Accept-Encoding": "br"}),
        ("http://one/", {"X-Forwarded-Host": "elsewhere"}), ("http://one/?deep_link=a", {}), ("http://one/config", {}),
        ("http://one/", {"Origin": "http://other"}), ("http://one/", {"Range": "bytes=0-4"}),
    ],
)  # fmt: skip
def test_whoever_comes_another_way_gets_a_page_of_their_own(url: str, headers: dict[str, str]) -> None:
    first, other, again = _get(("GET", "http://one/", {}), ("GET", url, headers), ("GET", "http://one/", {}))
    assert first != other
    assert first == again


@pytest.mark.parametrize("host", ["fails", "cookie"])
def test_what_is_no_page_or_is_somebodys_own_is_not_kept(host: str) -> None:
    _get(*[("GET", f"http://{host}/", {})] * 2)
    assert made == [host] * 2


def test_a_head_is_no_page() -> None:
    answers = _get(("HEAD", "http://one/", {}), ("GET", "http://one/", {}))
    assert answers[1]


def test_invented_names_do_not_fill_the_memory() -> None:
    names = [f"name{number}" for number in range(MOST_NAMES + 1)]
    _get(*(("GET", f"http://{name}/", {}) for name in [*names, names[-1], names[0]]))
    assert made == [*names, names[0]], "the one that nobody has asked for longest is gone"


def test_the_real_page_comes_at_once_and_guarded(studio: Studio) -> None:
    with httpx.Client(base_url=studio.url, timeout=30) as http:
        first = http.get("/")
        seconds = []
        for _ in range(5):  # the others may have waited for a busy machine
            begun = time.perf_counter()
            second = http.get("/")
            seconds.append(time.perf_counter() - begun)
    assert second.content == first.content
    assert [name for name in second.headers if name == "content-security-policy"] == ["content-security-policy"]
    assert dict(second.headers) | {"date": ""} == dict(first.headers) | {"date": ""}
    assert min(seconds) < 0.5
