"""The example in JavaScript of docs/api.md, run as it stands, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from playwright.sync_api import Page

from tests.hosting.test_api import example
from tests.running import Studio


def test_the_documented_example_in_javascript_runs(studio: Studio, open_page: Callable[..., Page]) -> None:
    page, told = open_page(), list[str]()
    page.on("console", lambda message: told.append(message.text))
    code = example("javascript").replace("http://127.0.0.1:7860", studio.url)
    page.evaluate(f"(async () => {{ {code} }})()")
    assert any(line.startswith("drawing: step ") for line in told)
    last = next(line for line in reversed(told) if line.startswith("done: step "))
    step, steps = last.removeprefix("done: step ").split(" of ")
    assert step == steps
    assert httpx.get(told[-1]).headers["content-type"] == "image/png"
