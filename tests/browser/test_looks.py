"""What a person has to read can be read, whether their system is light or dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.person import MINUTE, open_tab

OpenPage = Callable[..., Page]
READABLE = 4.5  # contrast of small text, by the WCAG
# What a text has behind it: the first colour that is not see-through, from itself outwards; both as red, green, blue.
COLOURS = """(text) => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  let behind = text;
  while (behind.parentElement && numbers(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const [ink, paper] = [getComputedStyle(text).color, getComputedStyle(behind).backgroundColor].map(numbers);
  const opacity = Number(getComputedStyle(text).opacity);
  return [0, 1, 2].map((each) => [opacity * ink[each] + (1 - opacity) * paper[each], paper[each]]);
}"""


def _contrast(text: Locator) -> float:
    """Of a text with what is behind it, 1 to 21 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    ink, paper = zip(*text.evaluate(COLOURS), strict=True)
    lighter, darker = sorted((_luminance(ink), _luminance(paper)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: tuple[float, ...]) -> float:
    linear = [(level / 255 + 0.055) ** 2.4 / 1.055**2.4 if level > 10 else level / 255 / 12.92 for level in colour]
    return sum(weight * level for weight, level in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hints_and_fields_can_be_read_and_calendars_are_drawn_to_match(scheme: str, open_page: OpenPage) -> None:
    """In the dark, the canvas of boxes was white with a white hint, and icons of dates were black on black."""
    page = open_page(color_scheme=scheme)
    open_tab(page, "Layout to image")
    hint = page.locator("#tab-layout_to_image .boxes-hint")
    expect(hint).to_be_visible(timeout=MINUTE)
    assert _contrast(hint) > READABLE
    open_tab(page, "Inpainting")
    assert _contrast(page.locator("#tab-inpaint .editor-hint")) > READABLE
    assert _contrast(page.locator("#tab-inpaint .editor-choose")) > READABLE
    open_tab(page, "Gallery")
    date = page.locator(".gallery-since")
    expect(date).to_be_visible(timeout=MINUTE)
    assert _contrast(date) > READABLE
    assert date.evaluate("(field) => getComputedStyle(field).colorScheme") == ("dark" if scheme == "dark" else "normal")
