"""Pictures come in over routes of our own, as bytes, and whatever is wrong with them is said in words."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from studio.gallery.recipe import Recipe
from studio.gallery.store import Store
from studio.images import opening
from studio.images.opening import open_mask
from studio.images.pixels import Mask, Pixels
from studio.images.resizing import mask_of_size
from tabs.routes.sources import SHOWN_SIDE, source_routes
from tests.images.icc import painted_masks, saved
from tests.miniature import ask

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def browser(store: Store) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=source_routes(store))) as client:
        yield client


def _png(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def test_an_uploaded_picture_is_kept_as_it_is_and_shown_small_enough(browser: TestClient, store: Store) -> None:
    large = np.repeat(np.repeat(RGB, 40, 0), 40, 1)
    answer = browser.post("/studio/sources", content=_png(large)).json()
    assert (answer["width"], answer["height"]) == (2400, 1600)
    assert np.array_equal(store.source(answer["digest"]).array, large)
    shown = browser.get(f"/{answer['url']}")
    assert shown.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(shown.content)) as image:
        assert image.size == (SHOWN_SIDE, SHOWN_SIDE * 1600 // 2400)


def test_a_small_picture_is_enlarged_for_comparison_and_by_known_scales_only(browser: TestClient, store: Store) -> None:
    digest = store.keep(Pixels.of(RGB))
    for scale, expected in (("4", (240, 160)), ("2", (120, 80)), ("100", (60, 40)), ("x", (60, 40))):
        with Image.open(io.BytesIO(browser.get(f"/studio/sources/{digest}.jpg?scale={scale}").content)) as image:
            assert image.size == expected


def test_a_finished_picture_is_taken_by_its_name(browser: TestClient, store: Store) -> None:
    path = store.add(Pixels.of(RGB), Recipe(ask()))
    answer = browser.post(f"/studio/sources?picture={path.name}").json()
    assert np.array_equal(store.source(answer["digest"]).array, RGB)


def test_of_a_picture_that_moves_the_first_frame_is_taken_and_this_is_said(browser: TestClient, store: Store) -> None:
    for kind in ("PNG", "WEBP"):
        stream = io.BytesIO()
        frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
        frames[0].save(stream, kind, save_all=True, append_images=frames[1:], duration=100)
        answer = browser.post("/studio/sources", content=stream.getvalue()).json()
        assert answer["note"] == "animated"
        red = store.source(answer["digest"]).array[0, 0]
        assert red[0] > 200 > red[2]
    assert browser.post("/studio/sources", content=_png(RGB)).json()["note"] == ""


def test_a_mask_is_read_as_everywhere_and_fitted_to_its_picture(browser: TestClient, store: Store) -> None:
    """The page used to read masks on its own, by their green alone."""
    digest = store.keep(Pixels.of(np.repeat(np.repeat(RGB, 4, 0), 4, 1)))
    for image in painted_masks():
        answer = browser.post(f"/studio/sources/{digest}/mask", content=saved(image)).json()
        assert (answer["width"], answer["height"]) == (240, 160)
        kept = store.source(answer["digest"])
        assert isinstance(kept, Mask)
        assert kept == mask_of_size(open_mask(saved(image)), 240, 160)
        _, _, text = answer["shown"].partition(",")
        assert open_mask(base64.b64decode(text)) == kept
    tall = browser.post(f"/studio/sources/{digest}/mask", content=saved(Image.new("L", (40, 60), 255)))
    assert tall.status_code == 400
    assert "a mask of the picture's shape, 240x160" in tall.json()["error"]


def test_a_canvas_grows(browser: TestClient, store: Store) -> None:
    digest = store.keep(Pixels.of(RGB))
    answer = browser.post(f"/studio/sources/{digest}/extended?sides=10,0,0,5").json()
    assert (answer["width"], answer["height"]) == (70, 45)
    assert np.array_equal(store.source(answer["digest"]).array[:40, 10:], RGB)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/studio/sources", b"no picture", 400, "PNG, JPEG or WebP"),
        ("POST", "/studio/sources", b"", 400, "PNG, JPEG or WebP"),
        ("POST", "/studio/sources?picture=../../etc/passwd", b"", 404, "no such picture"),
        ("POST", f"/studio/sources?picture={'0' * 32}.png", b"", 404, "no such picture"),
        ("POST", f"/studio/sources/{'0' * 64}/extended?sides=1,1,1,1", b"", 404, "not in the data folder"),
        ("POST", "/studio/sources/PICTURE/extended?sides=0,0,0,0", b"", 400, "four whole numbers"),
        ("POST", "/studio/sources/PICTURE/extended?sides=-1,0,0,0", b"", 400, "four whole numbers"),
        ("POST", "/studio/sources/PICTURE/extended?sides=9000,0,0,9000", b"", 400, "sides of 16 to 8192"),
        ("POST", f"/studio/sources/{'0' * 64}/mask", b"", 404, "not in the data folder"),
        ("POST", "/studio/sources/PICTURE/mask", b"words", 400, "The file is text"),
        ("POST", "/studio/sources/MASK/mask", b"words", 404, "a mask"),
        ("POST", "/studio/sources/MASK/extended?sides=1,1,1,1", b"", 404, "a mask"),
        ("GET", f"/studio/sources/{'0' * 64}.jpg", b"", 404, "not in the data folder"),
        ("GET", "/studio/sources/..%2f..%2fpictures.jpg", b"", 404, ""),
    ],
)
def test_what_cannot_be_done_is_said(
    browser: TestClient, store: Store, method: str, path: str, body: bytes, status: int, words: str
) -> None:
    kept = {"PICTURE": store.keep(Pixels.of(RGB)), "MASK": store.keep(Mask.of(RGB[:, :, 0]))}
    for name, digest in kept.items():
        path = path.replace(name, digest)
    reply = browser.request(method, path, content=body)
    assert reply.status_code == status
    assert words in (reply.json()["error"] if words else reply.text)


def test_a_file_that_is_too_large_is_not_read_to_its_end(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LARGEST_FILE", 1000)
    monkeypatch.setattr("tabs.routes.sources.LARGEST_FILE", 1000)
    sent = []

    def endless() -> Iterator[bytes]:
        for number in range(100):
            sent.append(number)
            yield b"\0" * 500

    reply = browser.post("/studio/sources", content=endless())
    assert reply.status_code == 400
    assert "at most" in reply.json()["error"]
