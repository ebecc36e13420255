"""A person switches the second stage on and off, and reads in which words the model read theirs."""

from __future__ import annotations

from playwright.sync_api import expect

from studio.gallery.containers import read_recipe
from tests.browser.person import open_more, wait_for_state, write
from tests.browser.test_text_to_image import OpenPage
from tests.running import Studio


def test_the_switch_sets_the_sides_and_the_picture_is_as_large_as_it_says(open_page: OpenPage, studio: Studio) -> None:
    page = open_page()
    switch = page.locator("#cascade input").first
    expect(switch).to_be_visible()
    expect(switch).not_to_be_checked()  # the test suite's studios begin with one stage
    open_more(page)
    width = page.locator("#width input").first
    expect(width).to_have_value("128")
    hint = page.locator("#tab-text_to_image .studio-desk").get_by_text("Each side").filter(visible=True)
    expect(hint).to_contain_text("multiples of 8")
    switch.check()
    expect(width).to_have_value("512")
    expect(hint).to_contain_text("256 to 2048 pixels, in multiples of 32")
    page.get_by_label("Landscape").first.check()
    expect(width).to_have_value("768")
    page.get_by_label("Square").first.check()
    expect(width).to_have_value("512")
    write(page, "a golden cabin by the ocean")
    page.locator("#generate").first.click()
    wait_for_state(page, "done")
    image = page.locator(".live-frames img").first
    assert image.evaluate("image => image.complete && image.naturalWidth") == 512
    expect(page.locator("#live").first).to_contain_text("cabin → house")
    name = str(image.get_attribute("src")).rsplit("/", 1)[1]
    request = read_recipe(studio.data / "pictures" / name).request
    assert (request.width, request.prompt) == (512, "a golden cabin by the ocean"), "what was typed is kept"
    page.reload()
    page.locator("#generate").first.wait_for()
    expect(switch).to_be_checked()  # the form comes back with the job
    open_more(page)
    switch.uncheck()
    expect(width).to_have_value("128")
