"""How much work a row has behind and before it, that of its picture's other stages counted: model inputs of the size
that the denoiser was trained at (as `Row.cost`), and pixels that first stages decode."""

from __future__ import annotations

from studio.engine.row import Row


def cost_left(row: Row) -> float:
    """What all calls to the end need."""
    tiles = len(row.tiling.places) * (row.table.calls - row.call) - row.tiles_done
    return tiles * row.cost_of_tile + row.stages.cost_after


def cost_done(row: Row) -> float:
    """What the calls so far needed."""
    tiles = len(row.tiling.places) * row.call + row.tiles_done
    return tiles * row.cost_of_tile + row.stages.cost_before


def pixels_left(row: Row) -> float:
    """How many the first stages have to decode yet."""
    return _pixels(row) - _pixels_decoded(row) + row.stages.pixels_after


def pixels_done(row: Row) -> float:
    """How many they have decoded."""
    return _pixels_decoded(row) + row.stages.pixels_before


def _pixels(row: Row) -> int:
    return row.tiling.rows * row.tiling.columns * row.denoiser.factor**2


def _pixels_decoded(row: Row) -> float:
    return _pixels(row) * len(row.decoded) / len(row.pieces.places) if row.decoded else 0.0
