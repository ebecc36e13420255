"""Puts a scene on a canvas: backdrop first, then the things from far to near, then what falls from the sky."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storybook.world import backdrop
from storybook.world.canvas import Canvas, Light, Pen, darker, rgb
from storybook.world.palette import PAINT
from storybook.world.scene import FLYING, KINDS, Scene, Thing
from storybook.world.things import DRAW

CLOUDS = {"clear": 1, "cloudy": 4, "rain": 4, "snowfall": 2, "storm": 0, "fog": 0}
RIM = rgb("7d7c90")  # edges a black thing


def render(scene: Scene, size: int) -> NDArray[np.uint8]:
    """The picture of ``scene``: RGB uint8 [size, size, 3]; the same scene at every size."""
    rng = np.random.default_rng([scene.seed, 11])
    hour = backdrop.HOURS[scene.time]
    sun_x = float(rng.uniform(0.12, 0.88))
    tint = hour.tint if scene.weather != "storm" else darker(hour.tint, 0.16)
    light = Light(tint=tint, side=2 * sun_x - 1, lamps=hour.lamps)
    canvas = Canvas(size)

    backdrop.sky(canvas, hour, scene.horizon)
    if scene.weather not in backdrop.SUNLESS:
        if scene.time == "night":
            backdrop.stars(canvas, scene.horizon, rng)
        if all(thing.kind != "moon" for thing in scene.things):  # there is one moon, and no sun beside it
            backdrop.sun_or_moon(canvas, scene.time, sun_x, scene.horizon)
    backdrop.overcast(canvas, scene.weather, hour)
    cloud = hour.cloud if scene.weather != "rain" else darker(hour.cloud, 0.38)
    if scene.mountains:
        backdrop.mountains(canvas, hour, scene.horizon, light.side, rng)
    if scene.weather == "storm":
        backdrop.storm_clouds(canvas, hour, scene.horizon, rng)
    backdrop.clouds(canvas, cloud, CLOUDS[scene.weather], scene.horizon, rng)
    backdrop.ground(canvas, scene.ground, light, hour, scene.horizon, rng)

    if scene.weather == "fog":
        backdrop.fog(canvas, hour, scene.horizon, "far")
    for thing in sorted(scene.things, key=nearness):
        rim = RIM if thing.colour == "black" else None
        DRAW[thing.kind](Pen(canvas, thing.box, light, rim), PAINT[thing.colour])
    if scene.weather == "fog":
        backdrop.fog(canvas, hour, scene.horizon, "things")

    backdrop.falling(canvas, scene.weather, rng)
    return canvas.picture()


def nearness(thing: Thing) -> tuple[bool, float]:
    """What flies is farthest; of the rest, what stands lower in the picture is nearer."""
    return KINDS[thing.kind].where != FLYING, thing.box[3]
