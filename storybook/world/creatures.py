"""How whoever lives in the world is drawn: animals, a person, a snowman. As in `things`, one function a kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from storybook.world.canvas import Colour, Pen, darker, lighter, oval, rgb
from storybook.world.palette import CREAM, PAINT, SKIN, SOOT, STEEL, unlike

BEAK, ROSE = rgb("f29a2e"), rgb("d9708a")


def _eye(pen: Pen, x: float, y: float, rx: float, ry: float) -> None:
    """A white eye with a large pupil."""
    pen.oval(x, y, rx, ry, rgb("fffdf6"), depth=0.0)
    pen.oval(x, y, rx * 0.62, ry * 0.62, rgb("1d1a22"), depth=0.0)


def cat(pen: Pen, colour: Colour) -> None:
    """Seated, seen from the front, its tail up."""
    pen.shadow(0.42)
    pale = lighter(colour, 0.45) if colour != PAINT["white"] else rgb("fffdf8")
    dark = darker(colour, 0.22) if colour != PAINT["black"] else lighter(colour, 0.12)
    pen.stroke([(0.62, 0.93), (0.98, 0.98), (0.99, 0.68), (0.85, 0.60), (0.93, 0.44)], 0.085, dark)
    pen.blob([(0.24, 0.48), (0.68, 0.48), (0.80, 0.80), (0.82, 1.03), (0.10, 1.03), (0.12, 0.80)], colour, depth=0.24)
    pen.oval(0.46, 0.72, 0.14, 0.13, pale)
    for x in (0.34, 0.58):
        pen.oval(x, 0.955, 0.115, 0.050, pale)
    for side in (-1, 1):
        pen.shape([(0.46 + side * 0.39, 0.0), (0.46 + side * 0.41, 0.33), (0.46 + side * 0.07, 0.17)], dark, depth=0.08)
        pen.shape(
            [(0.46 + side * 0.345, 0.075), (0.46 + side * 0.36, 0.24), (0.46 + side * 0.18, 0.17)], ROSE, depth=0.0
        )
    pen.oval(0.46, 0.345, 0.42, 0.225, colour, depth=0.12)
    pen.oval(0.46, 0.435, 0.19, 0.090, pale, depth=0.05)
    iris = unlike(colour, rgb("e6ee7c"), rgb("6fbf5f"), "yellow", "white", "pink", "orange")
    for x in (0.27, 0.65):
        pen.oval(x, 0.315, 0.100, 0.075, iris, depth=0.0)
        pen.oval(x, 0.315, 0.042, 0.068, rgb("1d1a22"), depth=0.0)
    pen.shape([(0.40, 0.385), (0.52, 0.385), (0.46, 0.435)], ROSE, depth=0.0)
    hair = unlike(colour, SOOT, CREAM, "black", "blue", "purple", "brown", "red")
    for side in (-1, 1):
        for height, foot in ((0.41, 0.385), (0.45, 0.475)):
            pen.stroke([(0.46 + side * 0.20, height), (0.46 + side * 0.53, foot)], 0.014, hair)


def dog(pen: Pen, colour: Colour) -> None:
    """In profile to the left: a muzzle, a hanging ear, a collar, a wagging tail."""
    pen.shadow(0.48)
    dark = darker(colour, 0.45) if colour not in (PAINT["white"], PAINT["black"]) else rgb("6e4a38")
    pale = lighter(colour, 0.42)
    far = darker(colour, 0.30)
    pen.stroke([(0.86, 0.54), (0.98, 0.48), (0.96, 0.24)], 0.095, colour)
    for x in (0.42, 0.82):
        pen.stroke([(x, 0.66), (x, 0.94)], 0.115, far)
    pen.blob([(0.24, 0.38), (0.50, 0.40), (0.88, 0.40), (0.99, 0.56), (0.93, 0.84), (0.70, 0.78), (0.40, 0.88),
              (0.24, 0.74)], colour, depth=0.22)  # fmt: skip
    for x in (0.34, 0.90):
        pen.stroke([(x - 0.01, 0.66), (x, 0.945)], 0.125, colour)
        pen.oval(x - 0.025, 0.96, 0.080, 0.040, pale)
    pen.blob([(0.20, 0.20), (0.46, 0.20), (0.54, 0.62), (0.22, 0.66)], colour)
    pen.stroke(
        [(0.215, 0.555), (0.36, 0.60), (0.51, 0.535)],
        0.075,
        unlike(colour, rgb("d8343a"), rgb("3f7fcf"), "red", "orange", "pink"),
    )
    pen.oval(0.33, 0.25, 0.185, 0.225, colour, depth=0.10)
    pen.blob([(0.30, 0.20), (0.10, 0.22), (-0.03, 0.27), (-0.02, 0.45), (0.14, 0.50), (0.32, 0.48)], pale, depth=0.10)
    pen.oval(0.045, 0.285, 0.050, 0.055, rgb("241f28"), depth=0.0)
    pen.stroke([(0.06, 0.415), (0.16, 0.43), (0.24, 0.40)], 0.024, SOOT)
    pen.blob([(0.12, 0.42), (0.22, 0.42), (0.21, 0.56), (0.13, 0.56)], rgb("f0758c"), depth=0.0)
    _eye(pen, 0.245, 0.175, 0.050, 0.058)
    pen.blob([(0.36, 0.08), (0.50, 0.06), (0.58, 0.26), (0.54, 0.54), (0.42, 0.52), (0.38, 0.28)], dark)


def bird(pen: Pen, colour: Colour) -> None:
    """In flight to the right, both wings raised."""
    pale = lighter(colour, 0.50) if colour != PAINT["white"] else rgb("fffdf8")
    dark = darker(colour, 0.30)
    pen.blob([(0.62, 0.72), (0.52, 0.40), (0.56, 0.14), (0.72, -0.08), (0.78, 0.20), (0.76, 0.66)], dark)
    pen.shape([(0.28, 0.62), (0.02, 0.58), (0.09, 0.70), (0.0, 0.80), (0.12, 0.83), (0.08, 0.95), (0.32, 0.84)], dark)
    pen.shape([(0.86, 0.47), (1.0, 0.57), (0.86, 0.63)], unlike(colour, BEAK, rgb("ffdf5a"), "orange", "red"))
    pen.blob([(0.14, 0.68), (0.40, 0.56), (0.64, 0.54), (0.72, 0.34), (0.88, 0.34), (0.95, 0.54), (0.86, 0.80),
              (0.60, 1.03), (0.34, 0.96)], colour, depth=0.12)  # fmt: skip
    pen.blob([(0.40, 0.84), (0.66, 0.78), (0.84, 0.64), (0.82, 0.82), (0.62, 0.98), (0.44, 0.96)], pale, depth=0.05)
    pen.blob([(0.34, 0.78), (0.22, 0.52), (0.14, 0.24), (0.14, -0.06), (0.36, 0.06), (0.56, 0.34), (0.66, 0.66),
              (0.52, 0.84)], darker(colour, 0.10), depth=0.10)  # fmt: skip
    for tip, foot in (((0.22, 0.16), (0.42, 0.58)), ((0.32, 0.17), (0.52, 0.58))):
        pen.stroke([tip, foot], 0.035, lighter(colour, 0.35) if colour != PAINT["white"] else rgb("c9ccd6"))
    _eye(pen, 0.81, 0.50, 0.050, 0.060)


def fish(pen: Pen, colour: Colour) -> None:
    """Leaping to the left, with the water it throws up."""
    foam = rgb("e8f6fc")
    pen.canvas.shape(pen.place(oval((0.45, 0.97), (0.40, 0.035))), pen.lit(foam), alpha=0.8)
    for x, y, r in ((0.12, 0.88, 0.030), (0.80, 0.90, 0.030)):
        pen.oval(x, y, r, r * 1.5, foam, depth=0.0)
    fin = darker(colour, 0.28) if colour != PAINT["white"] else rgb("9fb4cc")
    pen.blob([(0.62, 0.48), (0.86, 0.14), (1.03, 0.02), (0.97, 0.48), (1.03, 0.92), (0.86, 0.80)], fin, depth=0.08)
    pen.blob([(0.22, 0.30), (0.38, -0.05), (0.58, 0.02), (0.68, 0.34)], fin, depth=0.05)
    pen.blob([(0.36, 0.72), (0.56, 0.72), (0.58, 0.98), (0.44, 0.92)], fin, depth=0.05)
    pen.blob([(-0.02, 0.48), (0.12, 0.18), (0.40, 0.10), (0.66, 0.28), (0.84, 0.47), (0.66, 0.70), (0.40, 0.87),
              (0.12, 0.80)], colour, depth=0.16)  # fmt: skip
    stripe = lighter(colour, 0.55) if colour != PAINT["white"] else rgb("b7c8dc")
    for x, half in ((0.40, 0.30), (0.56, 0.23)):
        pen.stroke([(x, 0.47 - half), (x - 0.045, 0.47), (x, 0.47 + half)], 0.085, stripe)
    _eye(pen, 0.17, 0.39, 0.065, 0.098)
    pen.stroke([(0.03, 0.57), (0.10, 0.61), (0.16, 0.58)], 0.035, darker(colour, 0.6))


def duck(pen: Pen, colour: Colour) -> None:
    """In profile to the left."""
    pen.shadow(0.42)
    beak = unlike(colour, BEAK, rgb("ffdb4d"), "orange", "red", "brown")
    for x in (0.48, 0.66):
        pen.stroke([(x, 0.84), (x, 0.95)], 0.055, beak)
        pen.shape([(x + 0.04, 0.95), (x - 0.11, 1.0), (x + 0.05, 1.0)], beak)
    pen.shape([(0.24, 0.20), (0.02, 0.26), (0.0, 0.34), (0.10, 0.37), (0.26, 0.34)], beak)
    pen.blob([(0.20, 0.42), (0.46, 0.38), (0.56, 0.54), (0.80, 0.50), (1.03, 0.34), (0.99, 0.66), (0.82, 0.92),
              (0.40, 0.95), (0.18, 0.78)], colour, depth=0.22)  # fmt: skip
    pen.blob([(0.24, 0.28), (0.50, 0.28), (0.54, 0.60), (0.22, 0.62)], colour, depth=0.04)
    pen.oval(0.35, 0.20, 0.185, 0.195, colour, depth=0.12)
    wing = darker(colour, 0.25) if colour not in (PAINT["black"], PAINT["white"]) else rgb("8d8894")
    pen.blob([(0.44, 0.60), (0.70, 0.56), (0.96, 0.58), (0.86, 0.78), (0.62, 0.84), (0.46, 0.74)], wing, depth=0.08)
    _eye(pen, 0.29, 0.15, 0.052, 0.058)


def rabbit(pen: Pen, colour: Colour) -> None:
    """Crouched in profile to the left, ears up, a round white tail."""
    pen.shadow(0.46)
    dark = darker(colour, 0.20) if colour != PAINT["black"] else lighter(colour, 0.10)
    pale = lighter(colour, 0.45)
    tail = unlike(colour, rgb("fffdf8"), rgb("d6cfd8"), "white")
    pen.oval(0.90, 0.76, 0.115, 0.090, tail, depth=0.14)
    for x0, x1, fur in ((0.44, 0.58, dark), (0.28, 0.24, colour)):
        pen.stroke([(x0, 0.40), ((x0 + x1) / 2, 0.22), (x1, 0.065)], 0.125, fur)
        pen.stroke([(x0, 0.34), ((x0 + x1) / 2, 0.22), (x1, 0.085)], 0.050, ROSE, depth=0.0)
    pen.blob([(0.26, 0.56), (0.52, 0.46), (0.82, 0.52), (0.98, 0.78), (0.88, 1.03), (0.40, 1.03), (0.20, 0.86)], colour,
             depth=0.20)  # fmt: skip
    pen.oval(0.68, 0.80, 0.20, 0.165, dark, depth=0.12)
    pen.oval(0.62, 0.965, 0.20, 0.040, pale)
    pen.oval(0.30, 0.955, 0.13, 0.045, pale)
    pen.blob([(0.02, 0.48), (0.16, 0.34), (0.38, 0.31), (0.56, 0.40), (0.56, 0.60), (0.34, 0.68), (0.08, 0.64)], colour,
             depth=0.10)  # fmt: skip
    pen.oval(0.15, 0.57, 0.090, 0.055, pale, depth=0.0)
    pen.oval(0.085, 0.525, 0.045, 0.032, ROSE, depth=0.0)
    _eye(pen, 0.27, 0.455, 0.062, 0.054)


def sheep(pen: Pen, colour: Colour) -> None:
    """In profile to the left: wool in its colour, dark face and legs."""
    pen.shadow(0.46)
    skin = unlike(colour, SOOT, rgb("b59c8c"), "black")
    for x in (0.36, 0.48, 0.74, 0.85):
        pen.stroke([(x, 0.74), (x, 0.96)], 0.085, skin)
    wool = ((0.34, 0.44, 0.145), (0.50, 0.34, 0.150), (0.68, 0.34, 0.150), (0.84, 0.46, 0.140), (0.87, 0.62, 0.125),
            (0.74, 0.70, 0.140), (0.56, 0.72, 0.140), (0.38, 0.66, 0.140))  # fmt: skip
    pen.mass([(x, y, r, r * 1.22) for x, y, r in wool], darker(colour, 0.08), depth=0.20)
    replace(pen, rim=None).oval(0.60, 0.52, 0.27, 0.24, colour, depth=0.04)
    curl = darker(colour, 0.28) if colour != PAINT["black"] else lighter(colour, 0.35)
    for x, y in ((0.50, 0.40), (0.68, 0.42), (0.59, 0.56), (0.78, 0.58)):
        pen.stroke([(x - 0.045, y), (x, y + 0.07), (x + 0.045, y)], 0.032, curl)
    pen.blob([(0.30, 0.18), (0.44, 0.24), (0.44, 0.36), (0.32, 0.32)], skin)
    pen.blob(
        [(0.08, 0.20), (0.28, 0.16), (0.36, 0.30), (0.30, 0.56), (0.12, 0.68), (-0.02, 0.58), (0.02, 0.36)],
        skin,
        depth=0.06,
    )
    for x, y, r in ((0.14, 0.17, 0.080), (0.25, 0.14, 0.085)):
        pen.oval(x, y, r, r * 1.2, lighter(colour, 0.10), depth=0.10)
    _eye(pen, 0.15, 0.36, 0.042, 0.052)


def butterfly(pen: Pen, colour: Colour) -> None:
    """Four wings, seen from above."""
    body = unlike(colour, SOOT, STEEL, "black")
    spot = lighter(colour, 0.55) if colour != PAINT["white"] else rgb("e8b04a")
    for side in (-1, 1):

        def at(x: float, y: float, side: int = side) -> tuple[float, float]:
            return 0.5 + side * x, y

        pen.stroke([at(0.01, 0.30), at(0.05, 0.12), at(0.14, 0.03)], 0.030, body)
        pen.blob([at(0.0, 0.48), at(0.26, 0.52), at(0.46, 0.62), at(0.40, 0.96), at(0.20, 1.04), at(0.06, 0.76)],
                 darker(colour, 0.26), depth=0.10)  # fmt: skip
        pen.blob([at(0.0, 0.56), at(0.06, 0.24), at(0.30, 0.02), at(0.54, 0.04), at(0.52, 0.40), at(0.32, 0.60)],
                 colour, depth=0.12)  # fmt: skip
        pen.oval(*at(0.34, 0.27), 0.085, 0.100, spot, depth=0.0)
        pen.oval(*at(0.25, 0.78), 0.060, 0.070, spot, depth=0.0)
    pen.stroke([(0.5, 0.32), (0.5, 0.80)], 0.095, body)
    pen.oval(0.5, 0.28, 0.060, 0.068, body)


def person(pen: Pen, colour: Colour) -> None:
    """Seen from the front, in a coat and a woollen hat of its colour."""
    pen.shadow(0.52, 0.03)
    for x in (0.36, 0.64):
        pen.stroke(
            [(x, 0.72), (x, 0.94)], 0.085, unlike(colour, rgb("43507a"), rgb("a98a6a"), "blue", "purple", "black")
        )
        pen.oval(x, 0.965, 0.15, 0.034, rgb("4a3028"))
    for side in (-1, 1):
        pen.stroke([(0.5 + side * 0.20, 0.42), (0.5 + side * 0.38, 0.64)], 0.095, darker(colour, 0.20))
        pen.oval(0.5 + side * 0.40, 0.665, 0.085, 0.040, SKIN)
    pen.blob([(0.28, 0.32), (0.72, 0.32), (0.82, 0.58), (0.94, 0.84), (0.06, 0.84), (0.18, 0.58)], colour, depth=0.22)
    pen.rectangle(0.475, 0.40, 0.525, 0.80, darker(colour, 0.35) if colour != PAINT["black"] else lighter(colour, 0.4))
    hair = unlike(colour, rgb("5a3826"), rgb("e0b455"), "brown", "black")
    pen.oval(0.5, 0.22, 0.33, 0.145, hair, depth=0.1)
    pen.oval(0.5, 0.235, 0.27, 0.125, SKIN, depth=0.06)
    cap = [(0.5 + 0.33 * np.cos(t), 0.165 + 0.145 * np.sin(t)) for t in np.linspace(np.pi, 2 * np.pi, 20)]
    pen.shape(cap, colour, depth=0.10)
    pen.rectangle(0.15, 0.135, 0.85, 0.180, lighter(colour, 0.40) if colour != PAINT["white"] else rgb("c9c4d0"))
    pen.oval(0.5, 0.025, 0.095, 0.042, lighter(colour, 0.30))
    for x in (0.39, 0.61):
        pen.oval(x, 0.235, 0.045, 0.022, rgb("1d1a22"), depth=0.0)
    pen.stroke([(0.40, 0.285), (0.5, 0.305), (0.60, 0.285)], 0.014, rgb("b0483f"), depth=0.0)


def snowman(pen: Pen, colour: Colour) -> None:
    """White, with a hat, a scarf and mittens of its colour."""
    pen.shadow(0.50, 0.035)
    snow = rgb("eaf1fa")
    for side in (-1, 1):
        pen.stroke([(0.5 + side * 0.20, 0.56), (0.5 + side * 0.42, 0.44)], 0.030, rgb("6b4630"))
        pen.oval(0.5 + side * 0.43, 0.42, 0.070, 0.050, colour)
    pen.oval(0.5, 0.80, 0.42, 0.205, snow, depth=0.24)
    pen.oval(0.5, 0.53, 0.31, 0.165, snow, depth=0.22)
    pen.oval(0.5, 0.30, 0.24, 0.125, snow, depth=0.14)
    for y in (0.58, 0.72, 0.84):
        pen.oval(0.5, y, 0.042, 0.027, SOOT, depth=0.0)
    for x in (0.41, 0.59):
        pen.oval(x, 0.275, 0.035, 0.023, rgb("1d1a22"), depth=0.0)
    pen.shape([(0.48, 0.295), (0.48, 0.335), (0.22, 0.335)], rgb("ee7f2a"), depth=0.0)
    scarf = colour if colour != PAINT["white"] else rgb("fffdf8")
    pen.stroke([(0.62, 0.42), (0.66, 0.52), (0.64, 0.64)], 0.105, darker(scarf, 0.15))
    pen.stroke([(0.24, 0.395), (0.5, 0.435), (0.76, 0.395)], 0.090, scarf)
    pen.rectangle(0.29, 0.0, 0.71, 0.19, scarf)
    pen.rectangle(0.29, 0.125, 0.71, 0.175, unlike(colour, SOOT, CREAM, "black", "purple", "brown", "blue"))
    pen.rectangle(0.16, 0.175, 0.84, 0.225, darker(scarf, 0.12))
