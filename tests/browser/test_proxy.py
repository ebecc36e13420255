"""Behind a reverse proxy, below a path of its own, the page is the same page."""

from __future__ import annotations

from pathlib import Path

import httpx
from playwright.sync_api import Browser

from tests.browser.person import generate, write
from tests.hosting.proxy import proxied
from tests.running import running_studio


def test_one_draws_through_a_proxy_with_a_path(tmp_path: Path, chromium: Browser) -> None:
    settings = {"STUDIO_ROOT": "/art/studio", "STUDIO_PROXIES": "1", "STUDIO_ENGINE": "scripted"}
    with running_studio(tmp_path / "data", **settings) as studio, proxied(studio.url, "/art/studio") as url:
        context = chromium.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
        page, failed = context.new_page(), list[str]()
        page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        page.on("request", lambda request: failed.append(request.url) if not request.url.startswith(url) else None)
        page.goto(f"{url}/")
        page.locator(".live-empty-title").wait_for(timeout=30_000)
        write(page, "a red house by the sea")
        picture, request = generate(page, studio)
        assert request.prompt == "a red house by the sea"
        assert picture.std() > 10, "no grey: its channels differ"
        assert [each for each in failed if not each.startswith(("data:", "blob:"))] == []
        assert httpx.get(f"{url}/studio/health", timeout=60).json()["status"] == "ok"
        context.close()
