"""Puts a scene on a canvas: backdrop first, then the things from far to near, then what falls from the sky."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storybook.world import backdrop
from storybook.world.canvas import Canvas, Light, Pen, darker
from storybook.world.scene import KINDS, STANDING, Scene
from storybook.world.things import DRAW, PAINT

CLOUDS = {"clear": 1, "cloudy": 4, "rain": 4, "snowfall": 2}


def render(scene: Scene, size: int) -> NDArray[np.uint8]:
    """The picture of ``scene``: RGB uint8 [size, size, 3]; the same scene at every size."""
    rng = np.random.default_rng([scene.seed, 11])
    hour = backdrop.HOURS[scene.time]
    sun_x = float(rng.uniform(0.12, 0.88))
    light = Light(tint=hour.tint, side=2 * sun_x - 1, lamps=hour.lamps)
    canvas = Canvas(size)

    backdrop.sky(canvas, hour, scene.horizon)
    if scene.time == "night" and scene.weather != "rain":
        backdrop.stars(canvas, scene.horizon, rng)
    if scene.weather != "rain":
        backdrop.sun_or_moon(canvas, scene.time, sun_x, scene.horizon)
    backdrop.overcast(canvas, scene.weather, hour)
    cloud = hour.cloud if scene.weather != "rain" else darker(hour.cloud, 0.38)
    if scene.mountains:
        backdrop.mountains(canvas, hour, scene.horizon, light.side, rng)
    backdrop.clouds(canvas, cloud, CLOUDS[scene.weather], scene.horizon, rng)
    backdrop.ground(canvas, scene.ground, light, hour, scene.horizon, rng)

    for thing in sorted(scene.things, key=lambda thing: (KINDS[thing.kind].where == STANDING, thing.box[3])):
        DRAW[thing.kind](Pen(canvas, thing.box, light), PAINT[thing.colour])

    backdrop.falling(canvas, scene.weather, rng)
    return canvas.picture()
