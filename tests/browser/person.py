"""What a person does on any tab: draws with a mouse or a finger, and waits for the picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from studio.gallery.containers import read_recipe
from studio.requests.request import Request
from tests.running import Studio

MINUTE = 60_000  # milliseconds
BLINK = 300  # likewise; what opens takes its first values meanwhile, and nobody types sooner
Point = tuple[float, float]
PEOPLE: dict[str, dict[str, Any]] = {
    "mouse": {"viewport": {"width": 1280, "height": 900}},
    "mouse, zoomed to 150 %": {"viewport": {"width": 853, "height": 600}, "device_scale_factor": 1.5},
    "finger on a phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 3},
}


def open_tab(page: Page, name: str) -> None:
    """Opens a tab by its name; where the page is too narrow for all of them, by the menu that holds the rest."""
    page.get_by_role("tab").first.wait_for()
    tab = page.get_by_role("tab", name=name)
    if not tab.first.is_visible():
        page.locator(".overflow-menu > button").click()
        page.locator(".overflow-dropdown").get_by_text(name).click()
    else:
        tab.first.click()


def write(page: Page, prompt: str) -> None:
    page.locator("#prompt textarea").fill(prompt)


def open_more(page: Page, tab: str = "") -> None:
    """Unfolds the finer points on the tab with that selector, if there are several."""
    if not page.locator(tab + "#seed-mode").is_visible():
        page.locator(tab + "#more button").first.click()
        page.wait_for_timeout(BLINK)


def set_steps(page: Page, steps: int, sampler: str | None = None, tab: str = "") -> None:
    """On the tab with that selector, if there are several."""
    open_more(page, tab)
    field = page.locator(tab + "#steps input[type=number]")
    field.fill(str(steps))
    field.press("Tab")
    expect(page.locator(tab + "#steps input[type=range]")).to_have_value(str(steps))
    if sampler:
        page.locator(tab + "#sampler input").click()
        page.get_by_role("option", name=sampler).first.click()


def wait_for_state(page: Page, *states: str, tab: str = "") -> None:
    selector = ", ".join(f'{tab}.live[data-state="{state}"]' for state in states)
    page.locator(selector).wait_for(timeout=MINUTE, state="attached")


def bring(page: Page, place: str, picture: Path) -> None:
    """Gives a file to the editor at that selector, and waits until it is shown."""
    page.locator(place + ".editor-file").set_input_files(picture)
    page.locator(place + '.editor[data-state="ready"]').wait_for(timeout=MINUTE)
    shown = page.locator(place + ".editor-picture").element_handle()
    page.wait_for_function("(image) => image.naturalWidth > 0", arg=shown)


def stroke(page: Page, canvas: Locator, points: Sequence[Point], *, touch: bool = False) -> None:
    """Through ``points``, fractions of the canvas, with a mouse or a finger that is pressed all the way."""
    canvas.scroll_into_view_if_needed()
    frame = canvas.bounding_box()
    assert frame
    places = [(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in points]
    if touch:
        session = page.context.new_cdp_session(page)
        kinds = ["touchStart"] + ["touchMove"] * (len(places) - 1)
        for kind, (x, y) in zip(kinds, places, strict=True):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        return
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()


def generate(page: Page, studio: Studio, tab: str = "") -> tuple[NDArray[np.uint8], Request]:
    """Presses Generate on the tab with that selector; the picture on the disk and the request in its recipe."""
    image = page.locator(tab + " .live-frames img")
    before = image.get_attribute("src") if image.count() else ""
    page.locator(tab + " #generate").click()
    expect(image).to_have_attribute("src", re.compile(rf"^(?!{re.escape(str(before))}$).*\.png$"), timeout=MINUTE)
    path = studio.data / "pictures" / str(image.get_attribute("src")).rsplit("/", 1)[1]
    return np.asarray(Image.open(path)), read_recipe(path).request
