"""How each kind of thing is drawn. One small function a kind; its name is the kind's name.

Each draws inside its own box with a `Pen`: x and y run from 0 to 1, the foot stands at y = 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from storybook.world.canvas import Colour, Pen, darker, lighter, mix, oval, rgb

PAINT: dict[str, Colour] = {
    "red": rgb("d8433b"),
    "orange": rgb("f08a33"),
    "yellow": rgb("f7cf46"),
    "green": rgb("57a652"),
    "blue": rgb("3f7fcf"),
    "purple": rgb("8a5cc0"),
    "pink": rgb("f494b8"),
    "white": rgb("f6f2ea"),
}
CREAM, TIMBER, STONE, SOOT = rgb("f7ecd8"), rgb("8a5a3c"), rgb("b9b2ab"), rgb("3a3440")


def house(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.55)
    pen.rectangle(0.70, 0.06, 0.80, 0.34, darker(colour, 0.35))
    pen.rectangle(0.10, 0.42, 0.90, 1.0, colour)
    roof = darker(colour, 0.42) if colour != PAINT["white"] else rgb("9a6a58")
    pen.shape([(0.0, 0.45), (0.5, 0.04), (1.0, 0.45)], roof)
    pen.rectangle(0.42, 0.64, 0.60, 1.0, TIMBER)
    pen.oval(0.565, 0.83, 0.018, 0.018, rgb("f2d27a"))
    for x in (0.18, 0.68):
        pen.rectangle(x - 0.02, 0.53, x + 0.18, 0.75, CREAM)
        pen.window(x, 0.55, x + 0.16, 0.73)


def tree(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.40)
    pen.shape([(0.44, 0.55), (0.56, 0.55), (0.60, 1.0), (0.40, 1.0)], TIMBER)
    for x, y, r in ((0.28, 0.44, 0.27), (0.72, 0.44, 0.27), (0.50, 0.28, 0.34), (0.50, 0.52, 0.30)):
        pen.oval(x, y, r, r * 0.80, darker(colour, 0.12), depth=0.28)
    pen.oval(0.42, 0.27, 0.22, 0.17, lighter(colour, 0.16), depth=0.06)


def pine(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.40)
    pen.rectangle(0.43, 0.80, 0.57, 1.0, TIMBER)
    deep = darker(colour, 0.18)
    for top, foot, half in ((0.38, 0.88, 0.50), (0.18, 0.64, 0.40), (0.0, 0.40, 0.29)):
        pen.shape([(0.5, top), (0.5 + half, foot), (0.5, foot + 0.04), (0.5 - half, foot)], deep, depth=0.32)


def car(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.52, 0.09)
    pen.shape([(0.20, 0.46), (0.32, 0.04), (0.68, 0.04), (0.84, 0.46)], colour)
    pen.window(0.29, 0.14, 0.48, 0.42)
    pen.window(0.53, 0.14, 0.72, 0.42)
    body = [(0.02, 0.50), (0.08, 0.40), (0.90, 0.40), (0.98, 0.52), (0.99, 0.82), (0.01, 0.82)]
    pen.shape(body, colour, depth=0.28)
    pen.oval(0.955, 0.58, 0.025, 0.06, rgb("ffeaa0"))
    for x in (0.24, 0.76):
        pen.oval(x, 0.80, 0.115, 0.215, SOOT)
        pen.oval(x, 0.80, 0.052, 0.10, rgb("d8d4cc"))


def boat(pen: Pen, colour: Colour) -> None:
    pen.canvas.shape(pen.place(oval((0.5, 1.0), (0.52, 0.04))), (0.10, 0.14, 0.30), alpha=0.22)
    pen.rectangle(0.475, 0.02, 0.510, 0.80, TIMBER)
    pen.shape([(0.53, 0.04), (0.92, 0.70), (0.53, 0.70)], colour, depth=0.10)
    pen.shape([(0.455, 0.16), (0.455, 0.70), (0.12, 0.70)], lighter(colour, 0.30), depth=0.14)
    hull = darker(colour, 0.30) if colour != PAINT["white"] else rgb("7a5a4a")
    pen.shape([(0.02, 0.76), (0.98, 0.76), (0.82, 1.0), (0.18, 1.0)], hull)
    pen.rectangle(0.03, 0.76, 0.97, 0.80, CREAM)


def balloon(pen: Pen, colour: Colour) -> None:
    for x in (0.36, 0.64):
        pen.shape([(x - 0.012, 0.66), (x + 0.012, 0.66), (0.5 + (x - 0.5) * 0.5 + 0.012, 0.88),
                   (0.5 + (x - 0.5) * 0.5 - 0.012, 0.88)], SOOT)  # fmt: skip
    pen.oval(0.5, 0.36, 0.48, 0.36, colour, depth=0.24)
    pen.shape([(0.12, 0.52), (0.88, 0.52), (0.62, 0.74), (0.38, 0.74)], darker(colour, 0.10), depth=0.24)
    stripe = lighter(colour, 0.55) if colour != PAINT["white"] else rgb("d9b9a0")
    pen.oval(0.5, 0.36, 0.26, 0.36, stripe, depth=0.20)
    pen.oval(0.5, 0.36, 0.11, 0.36, colour, depth=0.20)
    pen.rectangle(0.37, 0.86, 0.63, 1.0, rgb("a8703e"))


def lighthouse(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.50, 0.03)
    pen.shape([(0.28, 0.24), (0.72, 0.24), (0.90, 1.0), (0.10, 1.0)], CREAM)
    band = colour if colour != PAINT["white"] else rgb("e4dccb")
    for top, foot in ((0.32, 0.48), (0.64, 0.82)):
        left = [0.28 - 0.18 * (y - 0.24) / 0.76 for y in (top, foot)]
        pen.shape([(left[0], top), (1 - left[0], top), (1 - left[1], foot), (left[1], foot)], band)
    pen.rectangle(0.20, 0.20, 0.80, 0.25, SOOT)
    pen.window(0.32, 0.10, 0.68, 0.20)
    pen.shape([(0.22, 0.11), (0.5, 0.0), (0.78, 0.11)], band)
    pen.rectangle(0.42, 0.88, 0.58, 1.0, TIMBER)
    if pen.light.lamps:
        x0, y0, x1, y1 = pen.box
        lamp = (x0 + x1) / 2, y0 + 0.15 * (y1 - y0)
        pen.canvas.glow(lamp, 0.30 * (y1 - y0), rgb("ffe9a0"), 0.7)


def windmill(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.36)
    pen.shape([(0.36, 0.36), (0.64, 0.36), (0.76, 1.0), (0.24, 1.0)], colour, depth=0.22)
    cap = darker(colour, 0.40) if colour != PAINT["white"] else rgb("8a6f66")
    pen.shape([(0.32, 0.38), (0.40, 0.25), (0.60, 0.25), (0.68, 0.38)], cap)
    pen.rectangle(0.43, 0.80, 0.57, 1.0, TIMBER)
    pen.window(0.44, 0.54, 0.56, 0.66)
    hub = np.array([0.5, 0.34])
    for quarter in range(4):
        angle = np.pi / 4 + quarter * np.pi / 2
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        sail = [
            hub + along * 0.09,
            hub + along * 0.36,
            hub + along * 0.36 + across * 0.11,
            hub + along * 0.09 + across * 0.08,
        ]
        pen.shape([tuple(point) for point in sail], CREAM)
        pen.shape([tuple(hub + across * 0.012), tuple(hub + along * 0.37 + across * 0.012),
                   tuple(hub + along * 0.37 - across * 0.012), tuple(hub - across * 0.012)], TIMBER)  # fmt: skip
    pen.oval(0.5, 0.34, 0.035, 0.035, SOOT)


def cat(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.42)
    bend = np.linspace(0, 1, 14)
    tail = np.stack([0.78 + 0.16 * np.sin(bend * 2.6), 0.95 - 0.55 * bend], axis=1)
    pen.shape([*map(tuple, tail + (0.035, 0)), *map(tuple, tail[::-1] - (0.045, 0))], darker(colour, 0.15))
    pen.oval(0.48, 0.74, 0.33, 0.27, colour, depth=0.24)
    for x in (0.32, 0.58):
        pen.oval(x, 0.95, 0.10, 0.06, lighter(colour, 0.25))
    for tip, inner, outer in ((0.20, 0.42, 0.16), (0.76, 0.54, 0.80)):
        pen.shape([(tip, 0.0), (inner, 0.16), (outer, 0.30)], darker(colour, 0.10))
    pen.oval(0.48, 0.30, 0.33, 0.25, colour, depth=0.10)
    eye = SOOT if colour != PAINT["purple"] else rgb("241c34")
    for x in (0.35, 0.61):
        pen.oval(x, 0.28, 0.038, 0.052, eye, depth=0.0)
    pen.oval(0.48, 0.38, 0.04, 0.026, rgb("c8607a"), depth=0.0)


def flower(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.34)
    stem = rgb("4f8f4a")
    pen.rectangle(0.47, 0.40, 0.53, 1.0, stem)
    pen.shape([(0.5, 0.94), (0.16, 0.66), (0.12, 0.80), (0.30, 0.94)], stem)
    pen.shape([(0.5, 0.88), (0.84, 0.60), (0.88, 0.76), (0.70, 0.90)], stem)
    for petal in range(6):
        angle = petal * np.pi / 3 + 0.3
        pen.oval(0.5 + 0.30 * np.cos(angle), 0.30 + 0.19 * np.sin(angle), 0.20, 0.125, colour, depth=0.16)
    heart = rgb("f4b92f") if colour not in (PAINT["yellow"], PAINT["orange"]) else rgb("8a4b2a")
    pen.oval(0.5, 0.30, 0.18, 0.115, heart)


def mushroom(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.36)
    pen.shape([(0.38, 0.48), (0.62, 0.48), (0.70, 1.0), (0.30, 1.0)], CREAM)
    rim = np.linspace(np.pi, 2 * np.pi, 28)
    cap = np.stack([0.5 + 0.5 * np.cos(rim), 0.54 + 0.52 * np.sin(rim)], axis=1)
    pen.shape([*map(tuple, cap), (0.86, 0.62), (0.5, 0.65), (0.14, 0.62)], colour, depth=0.26)
    spot = CREAM if colour != PAINT["white"] else rgb("d8b8a0")
    for x, y, r in ((0.30, 0.34, 0.075), (0.56, 0.20, 0.085), (0.72, 0.42, 0.065), (0.48, 0.46, 0.055)):
        pen.oval(x, y, r, r, spot)


def tent(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.52, 0.06)
    pen.shape([(0.5, 0.02), (0.98, 1.0), (0.02, 1.0)], colour, depth=0.26)
    pen.shape([(0.5, 0.02), (0.66, 1.0), (0.34, 1.0)], darker(colour, 0.45))
    pen.shape([(0.5, 0.02), (0.58, 1.0), (0.34, 1.0)], rgb("ffcf6a") if pen.light.lamps else darker(colour, 0.65))
    pen.shape([(0.5, 0.02), (0.34, 1.0), (0.24, 1.0)], lighter(colour, 0.45))


def castle(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.52)
    wall = mix(colour, STONE, 0.10)
    for x in (0.0, 0.74):
        pen.rectangle(x + 0.02, 0.32, x + 0.24, 1.0, wall)
        roof = darker(colour, 0.45) if colour != PAINT["white"] else rgb("6f7fa8")
        pen.shape([(x - 0.01, 0.33), (x + 0.13, 0.02), (x + 0.27, 0.33)], roof)
        pen.window(x + 0.095, 0.44, x + 0.165, 0.58)
    pen.rectangle(0.22, 0.54, 0.78, 1.0, wall, depth=0.22)
    for x in (0.22, 0.36, 0.50, 0.64):
        pen.rectangle(x, 0.46, x + 0.085, 0.56, wall)
    arch = np.linspace(np.pi, 2 * np.pi, 16)
    door = np.stack([0.5 + 0.115 * np.cos(arch), 0.78 + 0.10 * np.sin(arch)], axis=1)
    pen.shape([*map(tuple, door), (0.615, 1.0), (0.385, 1.0)], TIMBER)


def kite(pen: Pen, colour: Colour) -> None:
    wave = np.linspace(0, 1, 18)
    cord = np.stack([0.5 + 0.12 * np.sin(wave * 7.5), 0.62 + 0.38 * wave], axis=1)
    pen.shape([*map(tuple, cord + (0.022, 0)), *map(tuple, cord[::-1] - (0.022, 0))], SOOT)
    for at in (6, 12):
        x, y = cord[at]
        pen.shape([(x, y), (x - 0.14, y - 0.045), (x - 0.14, y + 0.045)], lighter(colour, 0.30))
        pen.shape([(x, y), (x + 0.14, y - 0.045), (x + 0.14, y + 0.045)], lighter(colour, 0.30))
    pen.shape([(0.5, 0.0), (1.0, 0.24), (0.5, 0.64), (0.0, 0.24)], colour)
    pen.shape([(0.5, 0.0), (0.5, 0.24), (0.0, 0.24)], lighter(colour, 0.35))
    pen.shape([(0.5, 0.24), (1.0, 0.24), (0.5, 0.64)], darker(colour, 0.25))


DRAW: dict[str, Callable[[Pen, Colour], None]] = {
    draw.__name__: draw
    for draw in (house, tree, pine, car, boat, balloon, lighthouse, windmill, cat, flower, mushroom, tent, castle, kite)
}
