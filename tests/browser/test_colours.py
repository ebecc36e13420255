"""What is worked on has the colours that its person saw before: those that a browser shows."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from studio.images.opening import open_picture
from tests.images.icc import ADOBE, P3, iccp, jpeg, of_grey, of_ink, png, webp
from tests.images.test_stated import LINEAR, STATEMENTS

# In a canvas, as every page sees pictures; the sheet is white, as ours is.
FIRST_ROW = """async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const sheet = document.createElement('canvas');
  [sheet.width, sheet.height] = [image.naturalWidth, 1];
  const pen = sheet.getContext('2d');
  pen.fillStyle = 'white';
  pen.fillRect(0, 0, sheet.width, 1);
  pen.drawImage(image, 0, 0);
  return [...pen.getImageData(0, 0, sheet.width, 1).data];
}"""
COLOURS = [(200, 60, 60), (20, 20, 20), (120, 180, 40), (255, 255, 255), (0, 0, 0), (30, 60, 220)] * 4
ROW = Image.fromarray(np.repeat(np.array([COLOURS], np.uint8), 24, 0))
GREY = ROW.convert("L")
DEEP = Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257)
CLEAR = Image.merge("RGBA", (*ROW.split(), Image.fromarray(np.full((24, 24), 128, np.uint8))))
FILES = {
    **{name: png(ROW, *chunks) for name, (chunks, _) in STATEMENTS.items()},
    "deep grey": png(DEEP, iccp(of_grey(1.0))), "deep grey by gamma": png(DEEP, LINEAR), "deep": png(DEEP),
    "grey": png(GREY, iccp(of_grey(1.0))), "grey by a screen's": png(GREY, iccp(P3)), "clear": png(CLEAR, iccp(P3)),
    "colours by grey": png(ROW, iccp(of_grey(1.0))), "colours by ink": png(ROW, iccp(of_ink())),
    "palette": png(ROW.quantize(8), iccp(ADOBE)), "JPEG": jpeg(ROW, ADOBE), "grey JPEG": jpeg(GREY, of_grey(1.8)),
    "WebP": webp(ROW, P3), "clear WebP": webp(CLEAR, P3), "cut profile": png(ROW, iccp(P3[:300])),
}  # fmt: skip


def test_a_picture_comes_in_as_the_browser_shows_it(chromium: Browser) -> None:
    page = chromium.new_page()
    wrong = {}
    for name, file in FILES.items():
        shown = page.evaluate(FIRST_ROW, "data:;base64," + base64.b64encode(file).decode())
        seen = np.array(shown).reshape(-1, 4)[:, :3]
        furthest = int(np.abs(open_picture(file).array[0].astype(int) - seen).max())
        if furthest > (3 if "JPEG" in name else 2):
            wrong[name] = furthest
    page.close()
    assert wrong == {}


@pytest.mark.parametrize("file", ["JPEG", "clear"])
def test_without_its_profile_it_would_not(file: str) -> None:
    """So that the comparison above can fail."""
    plain = {"JPEG": jpeg(ROW, None), "clear": png(CLEAR)}[file]
    assert np.abs(open_picture(FILES[file]).array[0].astype(int) - open_picture(plain).array[0]).max() > 10
