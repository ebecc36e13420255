"""How quick a gallery of thousands is: a page of the grid, a search for words, one for what pictures show.

    python -m benchmarks.gallery --pictures 5000

The pictures are small and of noise, the prompts are the training captions' words, and the vectors are random: none of
the three depends on what is in them. Each time is the median and the longest of twenty, of the whole answer that the
page gets, as JSON, with thumbnails made anew beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from storybook.world.captions import caption
from storybook.world.scene import scene
from studio.gallery import open_gallery
from studio.gallery.marks import Marks
from studio.gallery.pictures import Entry
from studio.gallery.recipe import Recipe
from studio.gallery.wanted import PictureFilter
from studio.images.pixels import Pixels
from studio.requests.text_to_image import TextToImage
from tabs.components.gallery_view import shown
from tabs.routes.exports import thumbnail_of

OWNER = "a" * 32
REPEATS = 20
MODEL, WIDTH = "random", 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5000)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory(prefix="latent-studio-gallery-") as folder:
        store, ledger = open_gallery(Path(folder))
        vectors = {}
        for seed in tqdm(range(options.pictures), desc="drawing"):
            prompt = caption(scene(seed), ("en", "zh", "de")[seed % 3], rng)
            request = TextToImage(prompt=prompt, pack="storybook", width=64, height=64, seed=seed)
            pixels = Pixels.of(rng.integers(256, size=(64, 64, 3), dtype=np.uint8))
            path = store.add(pixels, Recipe(request))
            marks = Marks(favourite=seed % 9 == 0, tags=("sunny",) if seed % 4 == 0 else ())
            ledger.pictures.add(Entry(path, Recipe(request), pixels.digest, owner=OWNER, marks=marks))
            vectors[path.stem] = rng.normal(size=WIDTH).astype(np.float32)
        ledger.vectors.put(MODEL, vectors)
        middle = ledger.pictures.find(OWNER, PictureFilter(), options.pictures // 2)[-1]

        def page(wanted: PictureFilter) -> str:
            return json.dumps([shown(each) for each in ledger.pictures.find(OWNER, wanted)])

        def thumbnails() -> None:
            for each in ledger.pictures.find(OWNER, PictureFilter()):
                (store.thumbnails / f"{each.id}.webp").unlink(missing_ok=True)
                thumbnail_of(store, each.id)

        cases: dict[str, Callable[[], Any]] = {
            "first page": lambda: (
                page(PictureFilter()),
                ledger.pictures.count(OWNER),
                ledger.marks.in_use(OWNER, "tags"),
            ),
            "page in the middle": lambda: page(PictureFilter(before=(middle.made, middle.id))),
            "sixty thumbnails, made anew": thumbnails,
            "words (a red house)": lambda: page(PictureFilter(words="red house")),
            "words (a Chinese one)": lambda: page(PictureFilter(words="夜晚")),
            "tag, favourite and words": lambda: page(
                PictureFilter(words="sea", marks={"tag": "sunny", "favourites": True})
            ),
            "looks like one": lambda: ledger.vectors.alike(OWNER, PictureFilter(), MODEL, vectors[middle.id]),
        }
        print(f"{options.pictures} pictures, milliseconds: median, longest")
        for name, case in cases.items():
            times = [_seconds(case) for _ in range(REPEATS)]
            print(f"  {name:<30}{1000 * statistics.median(times):8.1f}{1000 * max(times):8.1f}")
        ledger.close()


def _seconds(case: Callable[[], Any]) -> float:
    began = time.perf_counter()
    case()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
