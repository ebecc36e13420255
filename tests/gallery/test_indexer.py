"""Pictures are found by what they show: the shipped model looks at them in the engine's process, beside its work."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from storybook.world.paint import render
from storybook.world.scene import scene
from studio.backends.local import LocalClient
from studio.gallery import open_gallery
from studio.gallery.indexer import Indexer
from studio.gallery.ledger import Ledger
from studio.gallery.pictures import Entry
from studio.gallery.recipe import Recipe
from studio.gallery.wanted import PictureFilter
from studio.images.pixels import Pixels
from studio.settings import Settings
from tests.miniature import ask
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ME, YOU = "a" * 32, "b" * 32
SCENES = 48
WITHIN_SECONDS = 60.0


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalClient, Ledger, dict[str, str]]]:
    """A gallery of renders whose prompts say nothing, all looked at; the time of day of each, by its name."""
    folder = tmp_path_factory.mktemp("gallery")
    store, ledger = open_gallery(folder)
    times = {}
    for seed in range(SCENES):
        pixels, recipe = Pixels.of(render(scene(seed), 128)), Recipe(ask("x", seed=seed))
        path = store.add(pixels, recipe)
        ledger.pictures.add(Entry(path, recipe, pixels.digest, owner=ME))
        times[path.stem] = scene(seed).time
    damaged = store.add(Pixels.of(np.zeros((64, 64, 3), np.uint8)), Recipe(ask("damaged")))
    ledger.pictures.add(Entry(damaged, Recipe(ask("damaged")), "", owner=ME))
    damaged.write_bytes(b"no picture")
    with LocalClient(Settings(device="cpu", batch=2, data=folder)) as client:
        indexer = Indexer(client, store, ledger)
        _wait(client, ledger)
        yield client, ledger, times
        indexer.close()
    ledger.close()


def _wait(client: LocalClient, ledger: Ledger) -> None:
    def is_all_seen() -> bool:
        model = client.look([])
        return model is not None and not ledger.vectors.lacking(model.name, 1)

    wait_until(is_all_seen, "all pictures were looked at")


@pytest.mark.parametrize("words", ["at night", "夜晚", "bei Nacht"])
def test_words_find_pictures_that_show_them_in_three_languages(
    words: str, looked_at: tuple[LocalClient, Ledger, dict[str, str]]
) -> None:
    client, ledger, times = looked_at
    seen = client.look([words])
    assert seen is not None
    found = ledger.vectors.alike(ME, PictureFilter(), seen.name, np.frombuffer(seen.vectors[0], np.float32), 8)
    nights = sum(times[picture.id] == "night" for picture, _ in found)
    assert nights >= 7, "eight of these are asked for, and there are more of them"


def test_a_picture_is_most_like_itself_and_its_neighbours_share_its_light_more_often_than_by_chance(
    looked_at: tuple[LocalClient, Ledger, dict[str, str]],
) -> None:
    client, ledger, times = looked_at
    seen = client.look([])
    assert seen is not None
    right = 0
    for name, light in times.items():
        vector = ledger.vectors.of(seen.name, name)
        assert vector is not None
        (itself, cosine), *others = ledger.vectors.alike(ME, PictureFilter(), seen.name, vector, 4)
        assert (itself.id, round(cosine, 3)) == (name, 1.0)
        right += sum(times[other.id] == light for other, _ in others)
    assert right > 0.4 * 3 * SCENES, "a quarter would be chance; what else is in a picture counts, too"


def test_nobody_finds_what_is_somebody_else_s(looked_at: tuple[LocalClient, Ledger, dict[str, str]]) -> None:
    client, ledger, _ = looked_at
    seen = client.look(["a house"])
    assert seen is not None
    assert ledger.vectors.alike(YOU, PictureFilter(), seen.name, np.frombuffer(seen.vectors[0], np.float32)) == []


def test_the_model_says_the_same_as_the_pack_that_draws(
    looked_at: tuple[LocalClient, Ledger, dict[str, str]],
) -> None:
    """The one for the gallery is loaded apart, on the CPU, and must agree with the one that steers pictures."""
    import torch

    from studio.models.loading import load_pack
    from studio.models.registry import find_pack

    pack = load_pack(find_pack("storybook"), torch.device("cpu"))
    picture = Pixels.of(render(scene(3), 128))
    seen = looked_at[0].look([picture, "a red house by the sea"])
    assert seen is not None
    for vector, expected in zip(
        seen.vectors, (pack.embed_picture(picture.array), pack.embed_words("a red house by the sea")), strict=True
    ):
        assert np.allclose(np.frombuffer(vector, np.float32), expected.numpy(), atol=1e-4)
