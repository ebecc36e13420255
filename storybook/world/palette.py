"""The ten colours that things come in, and the fixed ones of their parts."""

from __future__ import annotations

from storybook.world.canvas import Colour, rgb

PAINT: dict[str, Colour] = {
    "red": rgb("d8433b"),
    "orange": rgb("f08a33"),
    "yellow": rgb("f7cf46"),
    "green": rgb("57a652"),
    "blue": rgb("3f7fcf"),
    "purple": rgb("8a5cc0"),
    "pink": rgb("f494b8"),
    "white": rgb("f6f2ea"),
    "black": rgb("35333d"),
    "brown": rgb("8b5a34"),
}
CREAM, TIMBER, STONE, SOOT = rgb("f7ecd8"), rgb("8a5a3c"), rgb("b9b2ab"), rgb("3a3440")
SKIN, STEEL = rgb("f3c9a5"), rgb("d8d4cc")


def door(wall: Colour) -> Colour:
    """Timber that is told from ``wall``: a pale one where the wall itself is brown."""
    return TIMBER if wall != PAINT["brown"] else rgb("dcb985")


def trunk(crown: Colour) -> Colour:
    """Timber that is told from ``crown``: a deep one where the crown itself is brown."""
    return TIMBER if crown != PAINT["brown"] else rgb("533526")


def unlike(colour: Colour, usual: Colour, other: Colour, *names: str) -> Colour:
    """``usual``, or ``other`` on a thing whose ``colour`` is one of ``names`` and would swallow it."""
    return other if any(colour == PAINT[name] for name in names) else usual
