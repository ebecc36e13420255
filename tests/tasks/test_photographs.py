"""Real photographs go through the shipped pack and come back at their own size, changed only where they were painted."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
import skimage.data
import torch

from studio.engine.engine import Engine
from studio.events import Drawn
from studio.images.opening import open_picture
from studio.images.pixels import Mask
from studio.models.catalogue import STORYBOOK
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.inpaint import Inpaint

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "camera", "rocket")


@pytest.fixture(scope="module")
def storybook() -> Pack:
    return load_pack(find_pack(STORYBOOK), torch.device("cpu"))


def _inpaint(
    pack: Pack, file: bytes, box: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The photograph, the mask, and what comes back."""
    photo = open_picture(file)
    painted = np.zeros((photo.height, photo.width), np.uint8)
    x0, y0, x1, y1 = (round(edge * side) for edge, side in zip(box, (photo.width, photo.height) * 2, strict=True))
    painted[y0:y1, x0:x1] = 255
    mask = Mask.of(painted)
    request = Inpaint(
        prompt="a red house", pack=pack.info.name, image=photo.digest, mask=mask.digest, width=photo.width,
        height=photo.height, steps=6, only_masked=True, feather=4,
    )  # fmt: skip
    engine = Engine({pack.info.name: pack})
    events = engine.submit("job", request, images={photo.digest: photo, mask.digest: mask})
    while engine.has_work:
        events += engine.step()
    (picture,) = [event.pixels.array for event in events if isinstance(event, Drawn) and event.pixels]
    return photo.array, mask.array, picture


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_photograph_keeps_its_size_and_all_that_was_not_painted_over(name: str, storybook: Pack) -> None:
    stream = io.BytesIO()
    PIL.Image.fromarray(getattr(skimage.data, name)()).save(stream, "PNG")
    photo, mask, picture = _inpaint(storybook, stream.getvalue(), (0.3, 0.3, 0.7, 0.8))
    assert picture.shape == photo.shape
    assert np.array_equal(picture[mask == 0], photo[mask == 0])
    assert (picture[mask > 0] != photo[mask > 0]).any(axis=1).mean() > 0.9


def test_twelve_megapixels_turned_by_the_camera_come_back_upright_at_their_own_size(storybook: Pack) -> None:
    large = PIL.Image.fromarray(skimage.data.astronaut()).resize((4000, 3000))
    exif, stream = PIL.Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    large.save(stream, "JPEG", quality=92, exif=exif)
    photo, mask, picture = _inpaint(storybook, stream.getvalue(), (0.4, 0.5, 0.6, 0.6))
    assert picture.shape == photo.shape == (4000, 3000, 3)
    assert np.array_equal(picture[mask == 0], photo[mask == 0])
