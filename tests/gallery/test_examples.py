"""The examples that ship: whole, enough of them, and made by the very pack that ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.errors import MissingImage, NoRecipe
from studio.gallery.containers import read_recipe
from studio.gallery.examples import EXAMPLES, find_examples
from studio.models.catalogue import STORYBOOK
from studio.models.registry import find_pack
from studio.models.weights.hashing import hash_of_folder
from studio.requests import kinds
from studio.requests.interpolate import Interpolate
from studio.requests.request import Request

FEWEST = 3


# A way from one picture to another is made on the tab for variations, whose examples are single pictures.
SERVED = [kind for kind in kinds().values() if kind.TASK in find_pack(STORYBOOK).tasks and kind is not Interpolate]


@pytest.mark.parametrize("kind", SERVED)
def test_every_task_has_examples_whose_sources_are_there(kind: type[Request]) -> None:
    examples = find_examples(kind.TASK)
    assert len(examples) >= FEWEST
    for example in examples:
        assert isinstance(example.request, kind)
        assert example.request.pack == STORYBOOK
        assert len(example.sources) == len(example.request.named)
        assert (example.picture.width, example.picture.height) == (example.request.width, example.request.height)


def test_examples_were_drawn_by_the_weights_that_ship() -> None:
    """After training, ``python -m storybook.examples`` draws them again."""
    shipped = hash_of_folder(Path(find_pack(STORYBOOK).source))
    assert {read_recipe(path).model_hash for path in EXAMPLES.glob("pictures/*.png")} == {shipped}


def test_an_example_without_its_source_or_recipe_is_told(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    whole = (EXAMPLES / "pictures" / "inpaint-1.png").read_bytes()
    (tmp_path / "pictures" / "inpaint-1.png").write_bytes(whole)
    with pytest.raises(MissingImage):
        find_examples("inpaint", tmp_path)
    (tmp_path / "pictures" / "inpaint-1.png").write_bytes(whole[:200])
    with pytest.raises(NoRecipe):
        find_examples("inpaint", tmp_path)
