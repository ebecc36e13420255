"""Tensors by tiles: cut out of a canvas, and blended into one again."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from studio.images.tiles import Place, Tiling


def cut(canvas: torch.Tensor, tiling: Tiling, place: Place) -> torch.Tensor:
    """[..., rows, columns] -> the tile at ``place``, [..., height, width]."""
    y, x = place
    return canvas[..., y : y + tiling.height, x : x + tiling.width]


def blended(tiles: Sequence[torch.Tensor], tiling: Tiling) -> torch.Tensor:
    """One tile a place, [..., height, width] each -> the canvas, [..., rows, columns]."""
    if len(tiling.places) == 1:
        return tiles[0]
    window = torch.from_numpy(tiling.window).to(tiles[0].device)
    total = tiles[0].new_zeros((*tiles[0].shape[:-2], tiling.rows, tiling.columns))
    weight = total.new_zeros((tiling.rows, tiling.columns))
    for place, tile in zip(tiling.places, tiles, strict=True):
        cut(total, tiling, place).add_(window * tile)
        cut(weight, tiling, place).add_(window)
    return total / weight
