"""How each kind of thing is drawn. One small function a kind; its name is the kind's name.

Each draws inside its own box with a `Pen`: x and y run from 0 to 1, the foot stands at y = 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from storybook.world.canvas import Colour, Pen, darker, lighter, mix, oval, rgb
from storybook.world.creatures import bird, butterfly, cat, dog, duck, fish, person, rabbit, sheep, snowman
from storybook.world.palette import CREAM, PAINT, SOOT, STEEL, STONE, TIMBER, door, trunk, unlike

__all__ = ["DRAW", "PAINT"]


def house(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.55)
    pen.rectangle(0.70, 0.06, 0.80, 0.34, darker(colour, 0.35))
    pen.rectangle(0.10, 0.42, 0.90, 1.0, colour)
    roof = darker(colour, 0.42) if colour != PAINT["white"] else rgb("9a6a58")
    pen.shape([(0.0, 0.45), (0.5, 0.04), (1.0, 0.45)], roof)
    pen.rectangle(0.42, 0.64, 0.60, 1.0, door(colour))
    pen.oval(0.565, 0.83, 0.018, 0.018, rgb("f2d27a"))
    for x in (0.18, 0.68):
        pen.rectangle(x - 0.02, 0.53, x + 0.18, 0.75, CREAM)
        pen.window(x, 0.55, x + 0.16, 0.73)


def tree(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.40)
    pen.shape([(0.44, 0.55), (0.56, 0.55), (0.60, 1.0), (0.40, 1.0)], trunk(colour))
    crown = ((0.28, 0.44, 0.27), (0.72, 0.44, 0.27), (0.50, 0.28, 0.34), (0.50, 0.52, 0.30))
    pen.mass([(x, y, r, r * 0.80) for x, y, r in crown], darker(colour, 0.12), depth=0.28)
    replace(pen, rim=None).oval(0.42, 0.27, 0.22, 0.17, lighter(colour, 0.16), depth=0.06)


def pine(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.40)
    pen.rectangle(0.43, 0.80, 0.57, 1.0, trunk(colour))
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
        pen.oval(x, 0.80, 0.052, 0.10, STEEL)


def boat(pen: Pen, colour: Colour) -> None:
    pen.canvas.shape(pen.place(oval((0.5, 1.0), (0.52, 0.04))), (0.10, 0.14, 0.30), alpha=0.22)
    pen.rectangle(0.475, 0.02, 0.510, 0.80, trunk(colour))
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
    pen.rectangle(0.43, 0.80, 0.57, 1.0, door(colour))
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


def flower(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.34)
    stem = rgb("4f8f4a")
    pen.rectangle(0.47, 0.40, 0.53, 1.0, stem)
    pen.shape([(0.5, 0.94), (0.16, 0.66), (0.12, 0.80), (0.30, 0.94)], stem)
    pen.shape([(0.5, 0.88), (0.84, 0.60), (0.88, 0.76), (0.70, 0.90)], stem)
    angles = np.arange(6) * np.pi / 3 + 0.3
    pen.mass([(0.5 + 0.30 * np.cos(a), 0.30 + 0.19 * np.sin(a), 0.20, 0.125) for a in angles], colour, depth=0.16)
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
    gate = np.stack([0.5 + 0.115 * np.cos(arch), 0.78 + 0.10 * np.sin(arch)], axis=1)
    pen.shape([*map(tuple, gate), (0.615, 1.0), (0.385, 1.0)], door(colour))


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


def bridge(pen: Pen, colour: Colour) -> None:
    """Stone over a stream: the polygon's lower edge runs along two arches, so that one sees through them."""
    pen.canvas.shape(pen.place(oval((0.5, 0.97), (0.47, 0.10))), pen.lit(rgb("8cc4e6")), pen.lit(rgb("4f92c4")))
    hump = np.linspace(0, 1, 25)
    deck = np.stack([hump, 0.34 - 0.24 * np.sin(np.pi * hump)], axis=1)
    turn = np.linspace(0, np.pi, 15)
    arches = [np.stack([x + 0.155 * np.cos(turn), 0.97 - 0.52 * np.sin(turn)], axis=1) for x in (0.71, 0.29)]
    pen.shape([*map(tuple, deck), (1.0, 1.0), (0.865, 1.0), *map(tuple, arches[0]), (0.555, 1.0), (0.445, 1.0),
               *map(tuple, arches[1]), (0.135, 1.0), (0.0, 1.0)], colour, depth=0.24)  # fmt: skip
    stone = unlike(colour, darker(colour, 0.34), lighter(colour, 0.30), "black")
    for x in (0.71, 0.29):
        ring = [(x + r * np.cos(t), 0.97 - 3.355 * r * np.sin(t)) for r, ts in ((0.155, turn), (0.185, turn[::-1]))
                for t in ts]  # fmt: skip
        pen.shape(ring, stone)
    rail = lighter(colour, 0.42) if colour != PAINT["white"] else rgb("cfc4b4")
    pen.shape([*map(tuple, deck - (0, 0.09)), *map(tuple, deck[::-1] + (0, 0.02))], rail, depth=0.06)
    for x in (0.02, 0.49, 0.93):
        top = 0.34 - 0.24 * np.sin(np.pi * (x + 0.025))
        pen.rectangle(x, top - 0.12, x + 0.05, top + 0.05, stone)


def train(pen: Pen, colour: Colour) -> None:
    """A steam engine that runs to the left."""
    pen.shadow(0.50, 0.05)
    smoke = rgb("f4f1ee")
    for x, y, r in ((0.27, 0.17, 0.085), (0.41, 0.13, 0.10), (0.56, 0.10, 0.085)):
        pen.oval(x, y, r, r * 1.25, smoke, depth=0.20)
    dark = unlike(colour, darker(colour, 0.45), rgb("7a3a38"), "black")
    pen.shape([(0.13, 0.22), (0.31, 0.22), (0.27, 0.32), (0.26, 0.48), (0.18, 0.48), (0.17, 0.32)], dark)
    pen.rectangle(0.40, 0.33, 0.50, 0.46, unlike(colour, rgb("f2c24a"), rgb("b8742e"), "yellow", "orange"))
    pen.rectangle(0.10, 0.42, 0.66, 0.76, colour, depth=0.30)
    pen.oval(0.10, 0.59, 0.045, 0.17, dark)
    pen.rectangle(0.60, 0.22, 0.94, 0.80, colour, depth=0.16)
    pen.rectangle(0.56, 0.15, 0.98, 0.24, dark)
    pen.window(0.67, 0.31, 0.87, 0.52)
    pen.rectangle(0.07, 0.72, 0.97, 0.82, dark)
    pen.shape([(0.10, 0.74), (0.10, 0.97), (0.0, 0.97)], unlike(colour, rgb("c23b34"), rgb("f2c24a"), "red"))
    for x, r in ((0.21, 0.075), (0.40, 0.075), (0.74, 0.115)):
        y = 0.98 - r * 1.75
        pen.oval(x, y, r, r * 1.75, SOOT)
        pen.oval(x, y, r * 0.5, r * 0.88, STEEL)


def rocket(pen: Pen, colour: Colour) -> None:
    pen.shape([(0.34, 0.78), (0.66, 0.78), (0.60, 0.90), (0.5, 1.0), (0.40, 0.90)], rgb("ff8a2e"), depth=0.0)
    pen.shape([(0.42, 0.78), (0.58, 0.78), (0.5, 0.92)], rgb("ffe680"), depth=0.0)
    fin = unlike(colour, darker(colour, 0.40), rgb("c9473f"), "white", "black")
    for side in (-1, 1):
        pen.shape([(0.5 + side * 0.24, 0.50), (0.5 + side * 0.49, 0.72), (0.5 + side * 0.49, 0.90),
                   (0.5 + side * 0.20, 0.78)], fin)  # fmt: skip
    rise = np.linspace(0, 1, 16)
    half = 0.29 * np.sin(np.pi * (0.04 + 0.66 * rise)) ** 0.8
    left, right = (np.stack([0.5 + side * half, 0.80 * rise], axis=1) for side in (-1, 1))
    pen.shape([*map(tuple, left), *map(tuple, right[::-1])], colour, depth=0.22)
    pen.shape([*map(tuple, left[:6]), *map(tuple, right[5::-1])], fin)
    pen.oval(0.5, 0.42, 0.18, 0.10, unlike(colour, CREAM, rgb("8d8fa0"), "white"))
    pen.oval(0.5, 0.42, 0.125, 0.07, rgb("ffd76a") if pen.light.lamps else rgb("8fcdf0"), depth=0.1)
    pen.rectangle(0.32, 0.75, 0.68, 0.80, darker(colour, 0.5))


def moon(pen: Pen, colour: Colour) -> None:
    """A crescent with a sleeping face; it shines by itself, whatever the hour."""
    pen = replace(pen, light=replace(pen.light, tint=(1.0, 1.0, 1.0)))
    # Two circles, of radius 0.50 and 0.40 of the height; the smaller one, 0.24 to the right, is cut out.
    outer, inner = np.radians(np.linspace(52.05, 307.95, 40)), np.radians(np.linspace(279.7, 80.3, 30))
    rim = np.stack([0.61 + 0.61 * np.cos(outer), 0.5 + 0.5 * np.sin(outer)], axis=1)
    hollow = np.stack([0.903 + 0.488 * np.cos(inner), 0.5 + 0.40 * np.sin(inner)], axis=1)
    pen.shape([*map(tuple, rim), *map(tuple, hollow)], lighter(colour, 0.10), depth=0.16)
    spot = unlike(colour, darker(colour, 0.22), lighter(colour, 0.25), "black")
    for x, y, r in ((0.42, 0.20, 0.060), (0.15, 0.62, 0.055), (0.45, 0.84, 0.050)):
        pen.oval(x, y, r, r * 0.85, spot, depth=0.05)
    ink = unlike(colour, darker(colour, 0.75), lighter(colour, 0.75), "black", "brown", "blue", "purple")
    pen.stroke([(0.19, 0.42), (0.255, 0.47), (0.32, 0.42)], 0.030, ink)
    pen.stroke([(0.26, 0.66), (0.33, 0.67), (0.38, 0.62)], 0.030, ink)


RAINBOW = tuple(rgb(code) for code in ("e0483e", "f2913a", "f8d84a", "5fb458", "49a6dc", "4568c4", "8f5cc2"))


def rainbow(pen: Pen, colour: Colour) -> None:
    """Its seven colours, whatever ``colour`` is, and a cloud at either end."""
    turn = np.linspace(np.pi, 2 * np.pi, 40)
    arc = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    radii = np.linspace(1.0, 0.40, len(RAINBOW) + 1)
    for band, outer, inner in zip(RAINBOW, radii[:-1], radii[1:], strict=True):
        edges = [np.array([0.5, 0.94]) + arc * (0.48 * r, 0.94 * r) for r in (outer, inner - 0.005)]
        pen.shape([*map(tuple, edges[0]), *map(tuple, edges[1][::-1])], band, depth=0.0)
    for side in (0.0, 0.69):
        for x, y, r in ((0.075, 0.90, 0.070), (0.155, 0.84, 0.090), (0.235, 0.90, 0.070)):
            pen.oval(side + x, y, r, r * 1.35, rgb("ffffff"), depth=0.14)


def apple(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.42)
    half = [
        (0.5, 0.27),
        (0.66, 0.19),
        (0.88, 0.22),
        (1.01, 0.44),
        (0.97, 0.74),
        (0.80, 0.97),
        (0.64, 1.03),
        (0.5, 0.96),
    ]
    pen.blob([*half, *((1 - x, y) for x, y in half[-2:0:-1])], colour, depth=0.26)
    pen.blob([(0.36, 0.27), (0.5, 0.24), (0.64, 0.27), (0.5, 0.36)], darker(colour, 0.40))
    pen.stroke([(0.5, 0.30), (0.50, 0.16), (0.56, 0.03)], 0.075, unlike(colour, rgb("6b4630"), rgb("3a2620"), "brown"))
    pen.blob([(0.54, 0.19), (0.62, 0.02), (0.82, -0.03), (1.0, 0.03), (0.92, 0.17), (0.72, 0.23)], rgb("5aa84a"))
    pen.stroke([(0.19, 0.58), (0.20, 0.44), (0.30, 0.34)], 0.075, lighter(colour, 0.55), depth=0.0)


def umbrella(pen: Pen, colour: Colour) -> None:
    pen.shadow(0.24)
    pen.stroke([(0.5, 0.02), (0.5, 0.50), (0.5, 0.90), (0.52, 1.0), (0.66, 1.0), (0.68, 0.88)], 0.050,
               unlike(colour, rgb("6b4630"), rgb("3a2620"), "brown"))  # fmt: skip
    turn = np.linspace(np.pi, 2 * np.pi, 33)
    pale = lighter(colour, 0.42) if colour != PAINT["white"] else rgb("cfd3dc")
    feet = (0.0, 0.25, 0.5, 0.75, 1.0)
    dome = [(0.5 + 0.5 * np.cos(t), 0.56 + 0.50 * np.sin(t)) for t in turn]
    scallops = [
        (x - 0.125 + 0.125 * np.cos(t), 0.56 - 0.075 * np.sin(t)) for x in feet[:0:-1] for t in turn[::4] - np.pi
    ]
    pen.shape([*dome, *scallops], colour, depth=0.20)
    for left, right in ((0.25, 0.5), (0.75, 1.0)):
        rise = np.linspace(0, np.pi / 2, 14)
        one, other = (
            [(0.5 + (foot - 0.5) * np.sin(t), 0.56 - 0.50 * np.cos(t)) for t in rise] for foot in (left, right)
        )
        middle = (left + right) / 2
        curl = [(middle - 0.125 * np.cos(t), 0.56 - 0.075 * np.sin(t)) for t in np.linspace(0, np.pi, 9)]
        pen.shape([*one, *curl, *other[::-1]], pale, depth=0.16)


DRAW: dict[str, Callable[[Pen, Colour], None]] = {
    draw.__name__: draw
    for draw in (
        *(house, tree, pine, car, boat, balloon, lighthouse, windmill, cat, flower, mushroom, tent, castle, kite),
        *(dog, bird, fish, duck, rabbit, sheep, butterfly, person, bridge, train, rocket, moon, rainbow),
        *(apple, umbrella, snowman),
    )
}
