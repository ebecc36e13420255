"""Controls that every tab shares: how a picture is drawn, from which seed, in which size.

Each is a small bundle of components with one method that reads what a person set. Values are handed on as they are;
the request refuses what is outside its limits.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.errors import InvalidRequest
from studio.packs.catalogue import PackInfo
from studio.requests import LARGEST_SEED, LEAST_GUIDANCE, MOST_GUIDANCE, MOST_PICTURES, RANDOM_SEEDS, Request
from studio.samplers.catalogue import DEFAULT_SAMPLER, MOST_STEPS, SAMPLERS
from tabs.words import sampler_key, say

Given = Mapping[Any, Any]  # component -> value, as gradio hands over a set of inputs
SHAPES = {"square": (1.0, 1.0), "landscape": (1.5, 1.0), "portrait": (1.0, 1.5), "large": (2.0, 2.0)}
STEP_OF_SIDES = 32


def shape_sides(shape: str, pack: PackInfo) -> tuple[int, int]:
    """Width and height in pixels of a named shape at the size that the pack draws best."""
    width, height = (round(pack.size * share / STEP_OF_SIDES) * STEP_OF_SIDES for share in SHAPES[shape])
    return width, height


def shape_of(width: int, height: int, pack: PackInfo) -> str | None:
    """The shape with these sides, or None if a person chose them freely."""
    return next((shape for shape in SHAPES if shape_sides(shape, pack) == (width, height)), None)


@dataclass(frozen=True)
class SizeControls:
    """Shape in sight; width and height folded away, set by the shape and free to change."""

    shape: gr.Radio
    width: gr.Number
    height: gr.Number

    def connect(self, pack: PackInfo) -> None:
        self.shape.input(
            lambda shape: shape_sides(shape, pack), self.shape, [self.width, self.height],
            queue=False, show_progress="hidden", api_visibility="private",
        )  # fmt: skip


def shape_control() -> gr.Radio:
    return gr.Radio(
        [(say(f"shape_{shape}"), shape) for shape in SHAPES], value="square", label=say("shape"), elem_id="shape"
    )


def side_controls(pack: PackInfo) -> tuple[gr.Number, gr.Number]:
    with gr.Row():
        width = gr.Number(
            pack.size, precision=0, step=8, label=say("width"), info=say("side_hint"), elem_id="width", min_width=120
        )
        height = gr.Number(
            pack.size, precision=0, step=8, label=say("height"), info=say("side_hint"), elem_id="height", min_width=120
        )
    return width, height


def count_control() -> gr.Slider:
    return gr.Slider(1, MOST_PICTURES, 1, step=1, label=say("count"), elem_id="count")


@dataclass(frozen=True)
class SamplingControls:
    """Sampler, steps, guidance and their finer points."""

    sampler: gr.Dropdown
    steps: gr.Slider
    guidance: gr.Slider
    rescale: gr.Slider
    eta: gr.Slider

    @classmethod
    def build(cls, pack: PackInfo) -> SamplingControls:
        choices = [(say(sampler_key(sampler)), sampler.name) for sampler in SAMPLERS.values()]
        return cls(
            sampler=gr.Dropdown(
                choices, value=DEFAULT_SAMPLER, label=say("sampler"), elem_id="sampler", filterable=False
            ),
            steps=gr.Slider(
                1, MOST_STEPS, pack.steps, step=1, label=say("steps"), info=say("steps_hint"), elem_id="steps"
            ),
            guidance=gr.Slider(
                LEAST_GUIDANCE, MOST_GUIDANCE, pack.guidance, step=0.5, label=say("guidance"),
                info=say("guidance_hint"), elem_id="guidance",
            ),
            rescale=gr.Slider(
                0, 1, 0, step=0.05, label=say("rescale"), info=say("rescale_hint"), elem_id="rescale"
            ),
            eta=gr.Slider(0, 1, 0, step=0.05, label=say("eta"), info=say("eta_hint"), elem_id="eta"),
        )  # fmt: skip

    def inputs(self) -> set[gr.Component]:
        return {self.sampler, self.steps, self.guidance, self.rescale, self.eta}

    def read(self, given: Given) -> dict[str, Any]:
        return {
            "sampler": given[self.sampler],
            "steps": given[self.steps],
            "guidance": given[self.guidance],
            "rescale": given[self.rescale],
            "eta": given[self.eta],
        }

    def restore(self, request: Request) -> dict[gr.Component, Any]:
        return {
            self.sampler: request.sampler,
            self.steps: request.steps,
            self.guidance: request.guidance,
            self.rescale: request.rescale,
            self.eta: request.eta,
        }


@dataclass(frozen=True)
class SeedControls:
    """A new seed each time, or one that is kept. The number is text: seeds go beyond what a browser counts exactly."""

    mode: gr.Radio
    number: gr.Textbox
    reuse: gr.Button

    @classmethod
    def build(cls) -> SeedControls:
        modes = [(say("seed_random"), "random"), (say("seed_keep"), "keep")]
        return cls(
            mode=gr.Radio(modes, value="random", label=say("seed_mode"), elem_id="seed-mode"),
            number=gr.Textbox("0", label=say("seed"), info=say("seed_hint"), elem_id="seed", max_length=19),
            reuse=gr.Button(say("reuse"), size="sm", elem_id="seed-reuse"),
        )

    def inputs(self) -> set[gr.Component]:
        return {self.mode, self.number}

    def read(self, given: Given) -> int:
        """Raises `InvalidRequest` for anything but digits."""
        if given[self.mode] == "random":
            return random.randrange(RANDOM_SEEDS)
        text = str(given[self.number]).strip()
        if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LARGEST_SEED)):
            raise InvalidRequest("seed", text, f"a whole number from 0 to {LARGEST_SEED}")
        return int(text)
