"""How far a picture that was made again is from what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from studio.gallery.recipe import Recipe
from studio.images.pixels import Pixels

Reason = Literal["", "weights", "company"]


@dataclass(frozen=True)
class Difference:
    """``largest`` in levels of 0..255 and the ``share`` of pixels, 0..1, that differ at all. The ``reason`` why it may:
    other weights; or the same, in other company, on another device or with other threads; empty if identical."""

    largest: int
    share: float
    reason: Reason


def compare(before: Pixels, after: Pixels, recipe: Recipe, again: Recipe) -> Difference:
    """Of a picture and the same drawn again, with the recipes of both. Pictures of different sizes differ in all."""
    if (before.width, before.height) != (after.width, after.height):
        return Difference(255, 1.0, "weights")
    apart = np.abs(before.array.astype(np.int16) - after.array).max(axis=2)
    if not apart.any():
        return Difference(0, 0.0, "")
    return Difference(int(apart.max()), float((apart > 0).mean()), "company" if _are_same(recipe, again) else "weights")


def _are_same(one: Recipe, other: Recipe) -> bool:
    """By all weights where both know them, else by the denoiser's."""
    if one.revision and other.revision:
        return one.revision == other.revision
    return one.model_hash == other.model_hash or not one.model_hash
