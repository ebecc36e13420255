"""Inpainting: a person brings a picture, or sends one here, paints over what is to be drawn anew, and says what should
be there. The canvas can be made larger, too; everything that is not painted over stays as it is, to the byte."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.backends.client import EngineClient
from studio.errors import InvalidRequest
from studio.gallery.store import Store
from studio.images.pixels import Mask, Pixels
from studio.images.resizing import resized
from studio.requests.inpaint import FILLS, Inpaint
from studio.requests.request import Request
from tabs.components.controls import DrawingControls
from tabs.components.examples import Examples
from tabs.components.fields import slider
from tabs.components.generation import BuiltTab, FormValues, GenerationPanel, SessionJobs, Update
from tabs.components.mask_editor import MaskEditor, Painted, showing
from tabs.components.picker import ModelPicker
from tabs.locale.words import say
from tabs.request_context import BrowserName

TITLE = "inpaint"
ORDER = 3


class _MendingControls:
    """How the painted part is drawn and joined with the rest: one component for each field of a request."""

    def __init__(self) -> None:
        self._fields: dict[str, gr.Component] = {}

    def add_only_masked(self) -> None:
        self._fields["only_masked"] = gr.Checkbox(
            False, label=say("only_masked"), info=say("only_masked_hint"), elem_id="only-masked"
        )

    def add_finer_points(self) -> None:
        fills = [(say(f"fill_{name}"), name) for name in FILLS]
        self._fields |= {
            "fill": gr.Radio(fills, value=FILLS[0], label=say("fill"), info=say("fill_hint"), elem_id="fill"),
            "strength": slider(Inpaint, "strength", 0.75, step=0.05, info=say("strength_hint")),
            "feather": slider(Inpaint, "feather", step=1),
            "padding": slider(Inpaint, "padding", step=8, maximum=512),
        }

    def inputs(self) -> set[gr.Component]:
        return set(self._fields.values())

    def read(self, filled: FormValues) -> dict[str, Any]:
        values = {field: filled[component] for field, component in self._fields.items()}
        return {**values, "strength": 1.0} if values["fill"] == "noise" else values

    def write(self, request: Inpaint) -> Update:
        return {component: getattr(request, field) for field, component in self._fields.items()}


def build(client: EngineClient, sessions: SessionJobs, browser: BrowserName, picker: ModelPicker) -> BuiltTab:
    """Draws the tab inside the tabs that are open, and wires it."""
    store, drawing, mending = sessions.store, DrawingControls(picker), _MendingControls()
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            editor = MaskEditor(elem_id="mask")
            drawing.add_prompt("inpaint_hint", lines=2)
            job = GenerationPanel(TITLE, client, sessions, browser)
            examples = Examples(Inpaint.TASK)
            mending.add_only_masked()
            drawing.add_count()
            drawing.add_sampling()
            with gr.Accordion(say("more"), open=False, elem_id="more"):
                mending.add_finer_points()
                drawing.add_finer_points()
            gr.Markdown(say("tab_inpaint_about"), elem_classes="studio-about")
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            job.add_view()

    def read(filled: FormValues) -> Inpaint:
        picture, mask = _picture_and_mask(filled[editor], store)
        return Inpaint(
            image=picture.digest, mask=store.keep(mask), width=picture.width, height=picture.height,
            **mending.read(filled), **drawing.read(filled),
        )  # fmt: skip

    def write(request: Inpaint) -> Update:
        picture, mask = store.sources_of(request)
        assert isinstance(picture, Pixels)
        assert isinstance(mask, Mask)
        return {editor: showing(picture, mask), **mending.write(request), **drawing.write(request)}

    def receive(picture: Pixels, request: Request) -> Update:
        return {editor: showing(picture), **drawing.receive(request)}

    form = {editor, *mending.inputs(), *drawing.inputs()}
    job.connect(form, read, write, drawing.seed)
    examples.connect(form, write, sessions.store, picker, job.undo)
    drawing.connect()
    return BuiltTab(TITLE, {editor, *drawing.inputs()}, receive, job, drawing.follow)


def _picture_and_mask(painted: Painted | None, store: Store) -> tuple[Pixels, Mask]:
    """The picture as it was brought, and the mask at its size. Raises `InvalidRequest` where either is missing."""
    if painted is None:
        raise InvalidRequest("image", None, "a picture: choose one, or drop one on the frame")
    picture = store.source(painted.digest)
    if painted.mask is None or not isinstance(picture, Pixels):
        raise InvalidRequest("mask", "empty", "some part of the picture painted over")
    return picture, Mask.of(resized(painted.mask, picture.width, picture.height))
