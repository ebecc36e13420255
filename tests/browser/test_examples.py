"""A person takes an example of each tab, in a real Chromium, and gets that very picture with the pack that ships."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from studio.gallery.examples import find_examples
from studio.requests.inpaint import Inpaint
from studio.requests.layout_to_image import LayoutToImage
from studio.requests.text_to_image import TextToImage
from tests.browser.person import generate, open_tab
from tests.running import Studio

OpenPage = Callable[..., Page]
TABS = {TextToImage: "Text to image", LayoutToImage: "Layout to image", Inpaint: "Inpainting"}


@pytest.mark.parametrize("kind", TABS)
def test_an_example_fills_the_form_and_is_drawn_as_it_is_shown(
    kind: type[TextToImage | LayoutToImage | Inpaint], studio: Studio, open_page: OpenPage
) -> None:
    tab = f"#tab-{kind.TASK.replace('-', '_')} "
    second = find_examples(kind.TASK)[1]
    page = open_page()
    open_tab(page, TABS[kind])
    expect(page.locator(tab + ".examples-one")).to_have_count(len(find_examples(kind.TASK)))
    page.locator(tab + ".examples-one").nth(1).click()
    expect(page.locator(tab + "#prompt textarea")).to_have_value(second.request.prompt)
    picture, request = generate(page, studio, tab)
    assert replace(request, precision="") == second.request
    difference = np.abs(picture.astype(int) - second.picture.array)  # drawn with another number of threads, perhaps
    assert difference.mean() < 0.1
    assert difference.max() < 20
