"""What a person does on any tab: draws with a mouse or a finger, and waits for the picture."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from studio.gallery.recipe import read_recipe
from studio.requests import Request
from tests.browser.conftest import Studio

MINUTE = 60_000  # milliseconds
Point = tuple[float, float]


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
