"""Controls that every tab shares: how a picture is drawn, and in which size.

Each is a small bundle of components that reads what a person set into fields of a request, and writes a request's
fields back. Values are handed on as they are; the request refuses what is outside its limits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from studio.errors import InvalidRequest
from studio.images.pixels import Pixels
from studio.models.catalogue import QUICK_GUIDANCE, QUICK_STEPS, PackInfo
from studio.requests.limits import (
    CASCADE_SCALE,
    LARGEST_SIDE,
    SIDE_MULTIPLE,
    SMALLEST_SIDE,
    check_text,
)
from studio.requests.request import Prompted, Request, Staged
from studio.sampling.catalogue import DEFAULT_SAMPLER, SAMPLERS, find_sampler, samplers_for
from tabs.components.fields import slider, textbox
from tabs.components.generation import QUICK, FormValues, Update
from tabs.components.picker import ModelPicker
from tabs.components.seed import SeedControls, read_seed
from tabs.locale.words import sampler_key, say

SHAPES = {
    "square": (1.0, 1.0),
    "landscape": (1.5, 1.0),
    "portrait": (1.0, 1.5),
    "large": (2.0, 2.0),
    "panorama": (4.0, 1.0),
}
STEP_OF_SIDES = 32
LORA_SCALE = 0.8  # that a LoRA is put into the prompt with


def shape_sides(shape: str, pack: PackInfo, *, cascade: bool = False) -> tuple[int, int]:
    """Width and height in pixels of a named shape at the size that the pack draws best, in one stage or two. Raises
    `InvalidRequest` for a shape that is none."""
    if not isinstance(shape, str) or shape not in SHAPES:
        raise InvalidRequest("shape", shape, "one of: {names}", names=", ".join(SHAPES))
    width, height = (round(pack.size * share / STEP_OF_SIDES) * STEP_OF_SIDES for share in SHAPES[shape])
    return (width * CASCADE_SCALE, height * CASCADE_SCALE) if cascade else (width, height)


def count_slider(count: int = 1) -> gr.Slider:
    return slider(Request, "count", count, step=1)


class DrawingControls:
    """What every way of drawing has: prompt, number of pictures, sampling, and, folded away, the finer points and the
    seed.

    Each part is put where the tab's page wants it; then all of them are read and written together.
    """

    def __init__(self, picker: ModelPicker) -> None:
        self._picker = picker
        self._fields: dict[str, gr.Component] = {}
        self._sampling: SamplingControls
        self.seed: SeedControls
        self._lora: gr.Dropdown

    def add_prompt(self, hint: str, info: str = "generate_keys", **options: Any) -> gr.Textbox:
        """``hint`` and ``info`` are keys of words."""
        prompt = textbox(Prompted, "prompt", info=say(info), placeholder=say(hint), max_lines=8, **options)
        self._fields["prompt"] = prompt
        return prompt

    def add_count(self) -> None:
        self._fields["count"] = count_slider()

    @property
    def count(self) -> gr.Component:
        return self._fields["count"]

    def add_sampling(self) -> None:
        self._sampling = SamplingControls(self._picker)

    def add_finer_points(self) -> None:
        self._fields["negative"] = textbox(Prompted, "negative", placeholder=say("negative_hint"))
        self._lora = gr.Dropdown(
            self._picker.loras, value=None, label=say("lora"), info=say("lora_hint"), elem_id="lora",
            visible=bool(self._picker.loras),
        )  # fmt: skip
        self._sampling.add_finer_points()
        self._fields["clip_skip"] = _slider("clip_skip", 1)
        self.seed = SeedControls()

    def inputs(self) -> set[gr.Component]:
        return {*self._fields.values(), *self._sampling.inputs(), *self.seed.inputs(), self._picker.dropdown}

    def read(self, filled: FormValues) -> dict[str, Any]:
        return {
            "seed": self.seed.read(filled),
            "prompt": filled[self._fields["prompt"]] or "",
            "negative": filled[self._fields["negative"]] or "",
            "count": filled[self._fields["count"]],
            "clip_skip": filled[self._fields["clip_skip"]],
            **self._sampling.read(filled),
        }

    def write(self, request: Request) -> Update:
        fields = {component: getattr(request, field) for field, component in self._fields.items()}
        return {**fields, **self._sampling.write(request), **self.seed.write(request)}

    def draft_seed(self, filled: FormValues) -> int:
        """The number in the field; while there is none, one that stays the same."""
        return read_seed("seed", filled[self.seed.number] or 0)

    def follow(self, pack: PackInfo) -> Update:
        """Good first values for another pack."""
        return self._sampling.follow(pack)

    def receive(self, request: Request) -> Update:
        """The words of a picture that is sent here, if there are any; what is drawn from it has new seeds."""
        words = {self._fields["prompt"]: request.prompt} if isinstance(request, Prompted) else {}
        return {**words, **self.seed.renew()}

    def connect(self) -> None:
        self._sampling.connect()
        prompt = self._fields["prompt"]

        def add(text: str, name: str | None) -> tuple[Any, None]:
            return (gr.skip() if not name else f"{text or ''} <lora:{name}:{LORA_SCALE}>".strip()), None

        self._lora.focus(lambda: gr.update(choices=self._picker.loras), None, self._lora, **QUICK)
        self._lora.input(add, [prompt, self._lora], [prompt, self._lora], **QUICK)


class SizeControls:
    """A shape in sight, and whether pictures are drawn in two stages; width and height where `add_sides` puts them, set
    by both and free to change."""

    def __init__(self, picker: ModelPicker, shapes: Sequence[str] = tuple(SHAPES)) -> None:
        self._picker, self._shapes = picker, shapes
        self.shape: gr.Radio
        self.cascade: gr.Checkbox
        self.width: gr.Number
        self.height: gr.Number

    def add_shape(self) -> None:
        choices = [(say(f"shape_{shape}"), shape) for shape in self._shapes]
        self.shape = gr.Radio(choices, value="square", label=say("shape"), elem_id="shape")
        first = self._picker.first
        self.cascade = gr.Checkbox(
            self._picker.cascades(first), label=say("cascade"), info=say("cascade_hint"), visible=first.cascades,
            elem_id="cascade",
        )  # fmt: skip

    def add_sides(self) -> None:
        with gr.Row():
            self.width, self.height = (self._side(name) for name in ("width", "height"))
        for stages in ("side", "cascade_side"):  # page.css shows the one that holds
            gr.Markdown(say(f"{stages}_hint"), elem_classes=["studio-about", f"studio-{stages.replace('_', '-')}"])

    def _side(self, name: str) -> gr.Number:
        first = self._picker.first
        size = first.side(cascade=self._picker.cascades(first))
        return gr.Number(size, precision=0, step=STEP_OF_SIDES, label=say(name), elem_id=name, min_width=120)

    def inputs(self) -> set[gr.Component]:
        return {self.shape, self.cascade, self.width, self.height, self._picker.dropdown}

    def read(self, filled: FormValues) -> dict[str, Any]:
        return {"width": filled[self.width], "height": filled[self.height], "cascade": filled[self.cascade]}

    def read_first_stage(self, filled: FormValues) -> dict[str, Any]:
        """For what has one stage only: as large as the first of two."""
        sides = filled[self.width], filled[self.height]
        is_small = filled[self.cascade] is True and all(type(side) is int and side > 0 for side in sides)
        width, height = (side // CASCADE_SCALE if is_small else side for side in sides)
        return {"width": width, "height": height}

    def write(self, request: Request) -> Update:
        cascade, pack = isinstance(request, Staged) and request.cascade, self._picker.find(request.pack)
        sides = (request.width, request.height)
        named = (shape for shape in self._shapes if pack and shape_sides(shape, pack, cascade=cascade) == sides)
        return {self.shape: next(named, None), self.cascade: cascade, self.width: sides[0], self.height: sides[1]}

    def near(self, picture: Pixels, request: Request) -> Update:
        """The sides of ``picture``, which ``request`` made, as far as a picture may have them, and in two stages where
        these do; left alone where it is too large or small."""
        sides, pack = (picture.width, picture.height), self._picker.find(request.pack)
        if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in sides):
            return {}
        cascade = pack is not None and self._picker.cascades(pack) and min(sides) >= SMALLEST_SIDE * CASCADE_SCALE
        multiple = SIDE_MULTIPLE * CASCADE_SCALE if cascade else SIDE_MULTIPLE
        width, height = (round(side / multiple) * multiple for side in sides)
        return {self.cascade: cascade, self.width: width, self.height: height}

    def follow(self, pack: PackInfo) -> Update:
        """A square at the size that another pack draws best."""
        cascade = self._picker.cascades(pack)
        width, height = shape_sides("square", pack, cascade=cascade)
        switch = gr.update(value=cascade, visible=pack.cascades)
        return {self.shape: "square", self.cascade: switch, self.width: width, self.height: height}

    def connect(self) -> gr.events.Dependency:
        """Lets the shape and the switch for a second stage set the sides."""
        both = [self.width, self.height]

        def sides(shape: str, cascade: bool, pack: str) -> tuple[int, int]:
            return shape_sides(shape, self._picker.info(pack), cascade=cascade is True)

        def scaled(cascade: bool, shape: str | None, pack: str, width: Any, height: Any) -> Any:
            if shape in SHAPES:
                return sides(shape, cascade, pack)
            if not all(isinstance(side, (int, float)) and side > 0 for side in (width, height)):
                return gr.skip(), gr.skip()
            return tuple(_other_stage(side, cascade=cascade is True) for side in (width, height))

        quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.cascade.input(
            scaled, [self.cascade, self.shape, self._picker.dropdown, *both], both, preprocess=False, **quick
        )
        return self.shape.input(sides, [self.shape, self.cascade, self._picker.dropdown], both, **quick)


def _other_stage(side: float, *, cascade: bool) -> int:
    """A side of the first stage as one of the second, or the other way round, within what both may be."""
    multiple = SIDE_MULTIPLE * CASCADE_SCALE
    largest = min(side, LARGEST_SIDE) * CASCADE_SCALE if cascade else min(side, LARGEST_SIDE)
    large = min(max(round(largest / multiple) * multiple, SMALLEST_SIDE * CASCADE_SCALE), LARGEST_SIDE)
    return large if cascade else large // CASCADE_SCALE


def followers(*controls: DrawingControls | SizeControls) -> Callable[[PackInfo], Update]:
    """What all of ``controls`` show where another pack is chosen."""
    return lambda pack: {component: value for each in controls for component, value in each.follow(pack).items()}


class SamplingControls:
    """Pack, sampler, steps and guidance, in sight, and their finer points where `add_finer_points` puts them: one
    component for each field of a request. Guidance is for requests with words."""

    def __init__(self, picker: ModelPicker, *, is_guided: bool = True) -> None:
        pack = picker.first
        self._picker, self._is_guided = picker, is_guided
        with gr.Group(elem_classes="studio-sampling"):
            self._sampler = gr.Dropdown(
                _samplers(pack), value=DEFAULT_SAMPLER, label=say("sampler"), elem_id="sampler", filterable=False
            )
            self._schedule = gr.Dropdown(
                _schedules(DEFAULT_SAMPLER), value="", label=say("schedule"), elem_id="schedule", filterable=False
            )
            self._fields: dict[str, gr.Component] = {"sampler": self._sampler, "schedule": self._schedule}
            with gr.Row():
                self._fields["steps"] = _slider("steps", 1, pack.steps)
                if is_guided:
                    self._fields["guidance"] = _slider("guidance", 0.5, pack.guidance)

    def add_finer_points(self) -> None:
        if self._is_guided:
            self._fields["rescale"] = _slider("rescale", 0.05)
        self._fields["eta"] = _slider("eta", 0.05)
        self._fields["trajectory"] = gr.Checkbox(
            False, label=say("trajectory"), info=say("trajectory_hint"), elem_id="trajectory"
        )

    def inputs(self) -> set[gr.Component]:
        return {*self._fields.values(), self._picker.dropdown}

    def read(self, filled: FormValues) -> dict[str, Any]:
        values = {field: filled[component] for field, component in self._fields.items()}
        return {"pack": filled[self._picker.dropdown], **values}

    def write(self, request: Request) -> Update:
        return {component: getattr(request, field) for field, component in self._fields.items()}

    def follow(self, pack: PackInfo) -> Update:
        sampler = gr.update(choices=_samplers(pack), value=pack.sampler)
        values = {"sampler": sampler, "schedule": pack.schedule, "steps": pack.steps, "guidance": pack.guidance}
        return {self._fields[field]: value for field, value in values.items() if field in self._fields}

    def connect(self) -> None:
        """Lets the sampler say which schedules there are."""

        def schedules(sampler: str, schedule: str) -> Any:
            choices = _schedules(sampler)
            kept = schedule if schedule in [name for _, name in choices] else ""
            return gr.update(choices=choices, value=kept, interactive=len(choices) > 1)

        both = [self._sampler, self._schedule]
        self._sampler.change(schedules, both, self._schedule, preprocess=False, **QUICK)
        if self._is_guided:
            self._follow_few_steps()

    def _follow_few_steps(self) -> None:
        """Whoever chooses a sampler that draws by the pack's own LoRA gets its steps and guidance, and the usual ones
        again with another; other values are somebody's own."""
        steps, guidance = self._fields["steps"], self._fields["guidance"]

        def pace(name: str, sampler: str, *values: float) -> Any:
            pack = self._picker.info(name)
            is_as_few = values == (QUICK_STEPS, QUICK_GUIDANCE)
            if pack.is_quick_with(sampler) or (pack.few_steps and is_as_few):
                return pack.steps_with(sampler), pack.guidance_with(sampler)
            return gr.skip(), gr.skip()

        self._sampler.input(
            pace, [self._picker.dropdown, self._sampler, steps, guidance], [steps, guidance],
            preprocess=False, **QUICK,
        )  # fmt: skip


def _samplers(pack: PackInfo) -> list[tuple[Any, str]]:
    """What is said and what is meant, of those that can draw with ``pack``."""
    return [(say(sampler_key(SAMPLERS[name])), name) for name in samplers_for(pack.process)]


def _schedules(sampler: str) -> list[tuple[Any, str]]:
    """What is said and what is meant. Raises `InvalidRequest` for a sampler that is none."""
    check_text("sampler", sampler)
    return [(say("schedule_own"), ""), *((name, name) for name in find_sampler(sampler).offered)]


def _slider(field: str, step: float, value: float | None = None) -> gr.Slider:
    return slider(Prompted, field, value, step=step, info=say(f"{field}_hint"), min_width=180)
