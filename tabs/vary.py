"""Image variations: a person brings a picture, or sends one here, and gets others like it, from almost the same to the
same idea; or, with a second picture or second words, the interpolation between them."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.backends.client import EngineClient
from studio.errors import InvalidRequest
from studio.gallery.store import Store
from studio.images.pixels import Image, Pixels
from studio.images.resizing import working_size
from studio.models.catalogue import PackInfo
from studio.requests.interpolate import Interpolate
from studio.requests.limits import CASCADE_SCALE
from studio.requests.request import Request
from studio.requests.vary import Vary
from tabs.components.controls import DrawingControls, SizeControls, followers
from tabs.components.examples import Examples
from tabs.components.fields import slider, textbox
from tabs.components.generation import QUICK, BuiltTab, FormValues, GenerationPanel, SessionJobs, Update
from tabs.components.picker import ModelPicker
from tabs.components.picture_editor import PictureEditor, showing_picture
from tabs.locale.words import say
from tabs.request_context import BrowserName

TITLE = "vary"
ORDER = 5
SHAPES = ("square", "landscape", "portrait")
CLOSENESS = {"same": (1.0, 0.55), "like": (1.0, 0.8), "idea": (0.9, 1.0)}  # likeness and strength
CALLED = {"same": "vary_same", "like": "vary_like", "idea": "vary_idea"}
USUAL_CLOSENESS = "idea"
FRAMES = 8  # of an interpolation, unless more or fewer are asked for


class _Form:
    """What a person fills in, how it becomes a request, and back."""

    def __init__(self, store: Store, picker: ModelPicker) -> None:
        """Draws what stands above the buttons; `add_choices` draws the rest."""
        self._store, self._picker = store, picker
        self.size, self.drawing = SizeControls(picker, SHAPES), DrawingControls(picker)
        with gr.Row(elem_id="vary-ends"):
            self.editor, self.other = _end("picture"), _end("other-picture")
        modes = [(say("vary_mode_vary"), Vary.TASK), (say("vary_mode_interpolate"), Interpolate.TASK)]
        self.mode = gr.Radio(modes, value=Vary.TASK, label=say("vary_mode"), elem_id="vary-mode")
        self.drawing.add_prompt("prompt_hint", "vary_prompt", lines=2)
        self.other_prompt = textbox(Interpolate, "other_prompt", info=say("other_prompt_hint"), elem_id="other-prompt")

    def add_choices(self) -> None:
        nearness = [(say(CALLED[name]), name) for name in CLOSENESS]
        self.closeness = gr.Radio(nearness, value=USUAL_CLOSENESS, label=say("vary_closeness"), elem_id="closeness")
        self.drawing.add_count()
        self.size.add_shape()
        self.drawing.add_sampling()
        with gr.Accordion(say("more"), open=False, elem_id="more"):
            usual_likeness, usual_strength = CLOSENESS[USUAL_CLOSENESS]
            self.likeness = slider(Vary, "likeness", usual_likeness, step=0.05, info=say("likeness_hint"))
            self.strength = slider(
                Vary, "strength", usual_strength, step=0.05, label=say("vary_strength"),
                info=say("vary_strength_hint"),
            )  # fmt: skip
            self.drawing.add_finer_points()
            self.size.add_sides()

    @property
    def components(self) -> set[gr.Component]:
        own = {self.editor, self.other, self.mode, self.other_prompt, self.closeness, self.likeness, self.strength}
        return {*own, *self.drawing.inputs(), *self.size.inputs()}

    def connect(self) -> None:
        self.drawing.connect()
        self.size.connect()
        shape = [self.size.width, self.size.height]
        self.editor.input(self._reshape, [self.editor, self._picker.dropdown, self.size.cascade], shape, **QUICK)
        self.closeness.input(_likeness_and_strength, self.closeness, [self.likeness, self.strength], **QUICK)
        self.mode.input(_usual_count, self.mode, self.drawing.count, **QUICK)

    def read(self, filled: FormValues) -> Request:
        drawn = {"likeness": filled[self.likeness], **self.drawing.read(filled)}
        if filled[self.mode] == Vary.TASK:
            if not filled[self.editor]:
                raise InvalidRequest("image", None, "a picture: choose one, or drop one on the frame")
            size = self.size.read(filled)
            return Vary(image=filled[self.editor], strength=filled[self.strength], **drawn, **size)
        ends: dict[str, Any] = {"image": filled[self.editor] or "", "other": filled[self.other] or ""}
        small = self.size.read_first_stage(filled)
        return Interpolate(**ends, other_prompt=filled[self.other_prompt] or "", **drawn, **small)

    def write(self, request: Vary | Interpolate) -> Update:
        pictures = {name: self._store.source(digest) for name, digest in request.named.items()}
        shown = {
            component: showing_picture(picture)
            for name, component in (("image", self.editor), ("other", self.other))
            if isinstance(picture := pictures.get(name), Pixels)
        }
        values: dict[gr.Component, Any] = {self.likeness: request.likeness}
        if isinstance(request, Interpolate):
            values[self.other_prompt] = request.other_prompt
        else:
            closeness = _named((request.likeness, request.strength))
            values |= {self.strength: request.strength, self.closeness: closeness}
        return {self.mode: request.TASK, **shown, **values, **self.drawing.write(request), **self.size.write(request)}

    def receive(self, picture: Pixels, request: Request) -> Update:
        pack = self._picker.info(request.pack)
        cascade = self._picker.cascades(pack)
        width, height = _sides_like(picture, pack, cascade=cascade)
        sides = {self.size.cascade: cascade, self.size.width: width, self.size.height: height}
        return {self.editor: showing_picture(picture), **self.drawing.receive(request), **sides}

    def _reshape(self, digest: str | None, pack: str, cascade: bool) -> object:
        """Variations take the shape of a picture that is brought."""
        if not digest:
            return gr.skip()
        return _sides_like(self._store.source(digest), self._picker.info(pack), cascade=cascade is True)


def build(client: EngineClient, sessions: SessionJobs, browser: BrowserName, picker: ModelPicker) -> BuiltTab:
    """Draws the tab inside the tabs that are open, and wires it."""
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            form = _Form(sessions.store, picker)
            job = GenerationPanel(TITLE, client, sessions, browser)
            examples = Examples(Vary.TASK)
            form.add_choices()
            gr.Markdown(say("tab_vary_about"), elem_classes="studio-about")
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            job.add_view()
    job.connect(form.components, form.read, form.write, form.drawing.seed)
    examples.connect(form.components, form.write, sessions.store, picker, job.undo)
    form.connect()
    received = {form.editor, *form.drawing.inputs(), *form.size.inputs()}
    return BuiltTab(TITLE, received, form.receive, job, followers(form.drawing, form.size))


def _likeness_and_strength(closeness: str) -> tuple[float, float]:
    return CLOSENESS[closeness]


def _usual_count(task: str) -> int:
    return FRAMES if task == Interpolate.TASK else 1


def _end(name: str) -> PictureEditor:
    with gr.Column(min_width=140, elem_id=f"{name}-column"):
        return PictureEditor(elem_id=name)


def _sides_like(picture: Image, pack: PackInfo, *, cascade: bool) -> tuple[int, int]:
    """Width and height of variations: the picture's shape at about the size that the pack draws best."""
    width, height = working_size(picture.width, picture.height, pack.size, pack.multiple)
    return (width * CASCADE_SCALE, height * CASCADE_SCALE) if cascade else (width, height)


def _named(values: tuple[float, float]) -> str | None:
    """What the likeness and strength of a request are called; None for those of somebody's own."""
    return next((name for name, usual in CLOSENESS.items() if usual == values), None)
