"""Finished pictures are served by their names alone, and compared by the server."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from studio.gallery.recipe import Recipe
from studio.gallery.store import Store
from studio.images.pixels import Pixels
from tabs.routes.pictures import deviation_url, picture_routes
from tests.miniature import ask

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def browser(store: Store) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=picture_routes(store))) as client:
        yield client


def _add(store: Store, picture: np.ndarray) -> str:
    return store.add(Pixels.of(picture), Recipe(ask())).name


def test_a_picture_comes_as_it_lies_on_the_disk_recipe_and_all(browser: TestClient, store: Store) -> None:
    name = _add(store, RGB)
    assert browser.get(f"/studio/pictures/{name}").content == (store.folder / name).read_bytes()


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "0" * 32 + ".png", "x.png", "recipes.db"])
def test_what_is_no_picture_is_not_served(browser: TestClient, name: str) -> None:
    assert browser.get(f"/studio/pictures/{name}").status_code == 404


def test_where_pictures_differ_is_bright_and_where_they_agree_is_dark(browser: TestClient, store: Store) -> None:
    other = RGB.copy()
    other[:, 30:] = 255 - other[:, 30:]
    answer = browser.get("/" + deviation_url([_add(store, RGB), _add(store, other)]))
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as image:
        heat = np.asarray(image)
    assert heat.shape == RGB.shape
    assert heat[:, :30].max() < 20
    assert heat[:, 30:].mean() > 60


def test_what_cannot_be_compared_is_refused(browser: TestClient, store: Store) -> None:
    name, small = _add(store, RGB), _add(store, RGB[:20])
    for names in ([name], [name, small], [name, "../x.png"], [name] * 17, []):
        assert browser.get("/" + deviation_url(names)).status_code == 404
