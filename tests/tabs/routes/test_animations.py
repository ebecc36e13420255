"""Trajectories are made of finished pictures, by whoever knows their names."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from studio.engine.preview import encode_frame
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store
from studio.images.pixels import Pixels
from tabs.routes.animations import animation_routes, pictures_query, trajectory_query
from tests.animations import frames_of
from tests.miniature import ask

FRAMES = [np.full((40, 60, 3), level, np.uint8) for level in (0, 100, 200)]


@pytest.fixture
def browser(store: Store) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=animation_routes(store))) as client:
        yield client


@pytest.fixture
def names(store: Store) -> list[str]:
    return [store.add(Pixels.of(frame), Recipe(ask())).name for frame in FRAMES]


def test_a_way_comes_as_webp_webm_and_strip(browser: TestClient, names: list[str]) -> None:
    webp, webm, strip = (
        browser.get(f"/studio/animations/{kind}?{pictures_query(names)}")
        for kind in ("animation.webp", "animation.webm", "strip.png")
    )
    assert len(frames_of(webp.content)) == 3
    assert webm.headers["content-type"] == "video/webm"
    assert b"V_VP9" in webm.content
    with Image.open(io.BytesIO(strip.content)) as image:
        assert image.size == (3 * 60 + 2 * 4, 40)


def test_a_trajectory_is_the_film_beside_its_picture(browser: TestClient, store: Store, names: list[str]) -> None:
    store.add_trajectory(store.folder / names[0], [encode_frame(frame) for frame in FRAMES])
    assert len(frames_of(browser.get(f"/studio/animations/animation.webp?{trajectory_query(names[0])}").content)) == 3
    answer = browser.get(f"/studio/animations/animation.webp?{trajectory_query(names[1])}")
    assert (answer.status_code, answer.json()["error"]) == (404, "There is no trajectory of this picture (any more).")


@pytest.mark.parametrize(
    "asked",
    [
        "film.gif?pictures=A,B", "animation.webp", "animation.webp?pictures=A", "animation.webp?pictures=A,../../etc/passwd",
        "animation.webp?trajectory=../../etc/passwd", "animation.webp?trajectory=/", "animation.webp?pictures=" + ",".join("A" * 17),
    ],
)  # fmt: skip
def test_what_makes_no_film_is_refused(browser: TestClient, names: list[str], asked: str) -> None:
    asked = asked.replace("A", names[0]).replace("B", names[1])
    assert browser.get(f"/studio/animations/{asked}").status_code == 404


def test_pictures_of_different_sizes_make_no_film(browser: TestClient, store: Store, names: list[str]) -> None:
    other = store.add(Pixels.of(FRAMES[0][:20]), Recipe(ask())).name
    answer = browser.get(f"/studio/animations/animation.webp?{pictures_query([names[0], other])}")
    assert (answer.status_code, answer.json()["error"]) == (404, "Pictures of different sizes make no animation.")


def test_a_damaged_film_is_refused_in_words(browser: TestClient, store: Store, names: list[str]) -> None:
    (store.folder / names[0]).with_suffix(".zip").write_bytes(b"PK and nothing more")
    assert browser.get(f"/studio/animations/animation.webp?{trajectory_query(names[0])}").status_code == 404
