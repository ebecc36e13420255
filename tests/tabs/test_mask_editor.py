"""What a browser sends is looked at before it is believed."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.images.pixels import Mask, Pixels
from tabs.components.mask_editor import PNG_URL, MaskEditor, showing
from tabs.routes.sources import SHOWN_SIDE

DIGEST = "ab" * 32


def _url(array: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return PNG_URL + base64.b64encode(stream.getvalue()).decode()


MASK = np.zeros((30, 40), np.uint8)
MASK[5:10, 5:20] = 255


def test_a_painted_mask_arrives_as_it_was_painted() -> None:
    painted = MaskEditor().preprocess({"source": {"digest": DIGEST, "width": 40}, "mask": _url(MASK)})
    assert painted is not None
    assert painted.digest == DIGEST
    assert painted.mask is not None
    assert np.array_equal(painted.mask, MASK)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "x",
        {},
        {"source": None},
        {"source": {"digest": 7}},
        {"source": {"digest": "../x"}},
        {"source": [DIGEST]},
    ],
)
def test_without_a_picture_there_is_nothing(payload: Any) -> None:
    assert MaskEditor().preprocess(payload) is None


@pytest.mark.parametrize(
    "mask",
    [
        None, 7, "", "http://elsewhere/mask.png", PNG_URL + "!!!", PNG_URL + base64.b64encode(b"no png").decode(),
        _url(np.zeros((30, 40), np.uint8)), _url(np.full((20, SHOWN_SIDE + 1), 255, np.uint8)), PNG_URL + "A" * 9_000_000,
    ],
    ids=lambda mask: str(mask)[:40],
)  # fmt: skip
def test_a_mask_that_is_none_counts_as_unpainted(mask: Any) -> None:
    painted = MaskEditor().preprocess({"source": {"digest": DIGEST}, "mask": mask})
    assert painted is not None
    assert painted.mask is None


def test_a_picture_with_its_mask_goes_out_and_comes_back() -> None:
    large = np.kron(MASK, np.ones((100, 100), np.uint8))
    value = showing(Pixels(4000, 3000, bytes(36_000_000)), Mask.of(large))
    painted = MaskEditor().preprocess(value)
    assert painted is not None
    assert painted.mask is not None
    assert max(painted.mask.shape) == SHOWN_SIDE
    assert painted.mask.mean() == pytest.approx(large.mean(), rel=0.01)
