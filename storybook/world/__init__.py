"""The picture-book world that Storybook is trained on.

``scene(seed)`` decides what a scene holds, ``arranged(seed)`` the same with things in any number and place
(`scene.py`), ``render`` paints it at any size
(`backdrop.py`, `things.py`, both with the brush of `canvas.py`), ``caption`` tells it in English,
Chinese or German (`captions.py`). Nothing here knows about models or training.
"""

from storybook.world.captions import LANGUAGES, caption, phrase
from storybook.world.paint import render
from storybook.world.scene import Group, Scene, Thing, arranged, scene

__all__ = ["LANGUAGES", "Group", "Scene", "Thing", "arranged", "caption", "phrase", "render", "scene"]
