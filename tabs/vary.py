"""Image variations: a person brings a picture, or sends one here, and gets others like it, from almost the same to the
same idea; or, with a second picture or second words, the interpolation between them."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.backends.client import EngineClient
from studio.errors import InvalidRequest
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
from tabs.components.generation import QUICK, BuiltTab, Given, Job, SessionJobs, Update
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


def build(client: EngineClient, desk: SessionJobs, browser: BrowserName, picker: ModelPicker) -> BuiltTab:
    """Draws the tab inside the tabs that are open, and wires it."""
    store, size, drawing = desk.store, SizeControls(picker, SHAPES), DrawingControls(picker)
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            with gr.Row(elem_id="vary-ends"):
                editor, other = _end("picture"), _end("other-picture")
            modes = [(say("vary_mode_vary"), Vary.TASK), (say("vary_mode_interpolate"), Interpolate.TASK)]
            mode = gr.Radio(modes, value=Vary.TASK, label=say("vary_mode"), elem_id="vary-mode")
            drawing.add_prompt("prompt_hint", "vary_prompt", lines=2)
            other_prompt = textbox(Interpolate, "other_prompt", info=say("other_prompt_hint"), elem_id="other-prompt")
            job = Job(TITLE, client, desk, browser)
            examples = Examples(Vary.TASK)
            nearness = [(say(CALLED[name]), name) for name in CLOSENESS]
            closeness = gr.Radio(nearness, value=USUAL_CLOSENESS, label=say("vary_closeness"), elem_id="closeness")
            drawing.add_count()
            size.add_shape()
            drawing.add_sampling()
            with gr.Accordion(say("more"), open=False, elem_id="more"):
                usual_likeness, usual_strength = CLOSENESS[USUAL_CLOSENESS]
                likeness = slider(Vary, "likeness", usual_likeness, step=0.05, info=say("likeness_hint"))
                strength = slider(
                    Vary, "strength", usual_strength, step=0.05, label=say("vary_strength"),
                    info=say("vary_strength_hint"),
                )  # fmt: skip
                drawing.add_finer_points()
                size.add_sides()
            gr.Markdown(say("tab_vary_about"), elem_classes="studio-about")
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            job.add_view()

    def read(given: Given) -> Request:
        drawn = {"likeness": given[likeness], **drawing.read(given)}
        if given[mode] == Vary.TASK:
            if not given[editor]:
                raise InvalidRequest("image", None, "a picture: choose one, or drop one on the frame")
            return Vary(image=given[editor], strength=given[strength], **drawn, **size.read(given))
        ends = {"image": given[editor] or "", "other": given[other] or ""}
        small = size.read_first_stage(given)
        return Interpolate(**ends, other_prompt=given[other_prompt] or "", **drawn, **small)

    def write(request: Vary | Interpolate) -> Update:
        pictures = {name: store.source(digest) for name, digest in request.named.items()}
        shown = {
            component: showing_picture(picture)
            for name, component in (("image", editor), ("other", other))
            if isinstance(picture := pictures.get(name), Pixels)
        }
        values: dict[gr.Component, Any] = {likeness: request.likeness}
        if isinstance(request, Interpolate):
            values[other_prompt] = request.other_prompt
        else:
            values |= {strength: request.strength, closeness: _named((request.likeness, request.strength))}
        return {mode: request.TASK, **shown, **values, **drawing.write(request), **size.write(request)}

    def receive(picture: Pixels, request: Request) -> Update:
        pack = picker.info(request.pack)
        cascade = picker.cascades(pack)
        width, height = _sides_like(picture, pack, cascade=cascade)
        sides = {size.cascade: cascade, size.width: width, size.height: height}
        return {editor: showing_picture(picture), **drawing.receive(request), **sides}

    def reshape(digest: str | None, pack: str, cascade: bool) -> object:
        """Variations take the shape of a picture that is brought."""
        return _sides_like(store.source(digest), picker.info(pack), cascade=cascade is True) if digest else gr.skip()

    form = {
        editor, other, mode, other_prompt, closeness, likeness, strength, *drawing.inputs(), *size.inputs()
    }  # fmt: skip
    job.connect(form, read, write, drawing.seed)
    examples.connect(form, write, store, picker, job.undo)
    drawing.connect()
    size.connect()
    editor.input(reshape, [editor, picker.dropdown, size.cascade], [size.width, size.height], **QUICK)
    closeness.input(lambda name: CLOSENESS[name], closeness, [likeness, strength], **QUICK)
    mode.input(lambda task: FRAMES if task == Interpolate.TASK else 1, mode, drawing.count, **QUICK)
    return BuiltTab(
        TITLE,
        {editor, *drawing.inputs(), *size.inputs()},
        receive,
        job,
        followers(drawing, size),
    )


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
