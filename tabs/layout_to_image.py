"""Layout to image: a person draws boxes, says what is in each, and gets a picture with these things in these places.
The whole may have words of its own; where it has none, the phrases make them."""

from __future__ import annotations

import gradio as gr

from studio.backends.client import EngineClient
from studio.errors import InvalidRequest
from studio.images.pixels import Pixels
from studio.requests.layout_to_image import LayoutToImage
from studio.requests.request import Request
from tabs.components.box_editor import BoxEditor, showing_aspect, showing_boxes, showing_under
from tabs.components.controls import DrawingControls, SizeControls, followers
from tabs.components.examples import Examples
from tabs.components.fields import slider
from tabs.components.generation import BuiltTab, FormValues, GenerationPanel, SessionJobs, Update
from tabs.components.picker import ModelPicker
from tabs.locale.words import say
from tabs.request_context import BrowserName

TITLE = "layout_to_image"
ORDER = 2
SHAPES = ("square", "landscape", "portrait", "large")


def build(client: EngineClient, sessions: SessionJobs, browser: BrowserName, picker: ModelPicker) -> BuiltTab:
    """Draws the tab inside the tabs that are open, and wires it."""
    size, drawing = SizeControls(picker, SHAPES), DrawingControls(picker)
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            editor = BoxEditor(elem_id="boxes")
            drawing.add_prompt("layout_hint", "layout_prompt", lines=2)
            job = GenerationPanel(TITLE, client, sessions, browser)
            examples = Examples(LayoutToImage.TASK)
            size.add_shape()
            drawing.add_count()
            drawing.add_sampling()
            with gr.Accordion(say("more"), open=False, elem_id="more"):
                grounding = slider(LayoutToImage, "grounding", step=0.05, info=say("grounding_hint"))
                drawing.add_finer_points()
                size.add_sides()
            gr.Markdown(say("tab_layout_to_image_about"), elem_classes="studio-about")
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            job.add_view()

    def read(filled: FormValues) -> LayoutToImage:
        if not filled[editor]:
            raise InvalidRequest("boxes", None, "at least one: draw it on the canvas and say what is in it")
        return LayoutToImage(
            boxes=filled[editor], grounding=filled[grounding], **drawing.read(filled), **size.read(filled)
        )

    def write(request: LayoutToImage) -> Update:
        return {
            editor: showing_boxes(request.boxes, request.width / request.height),
            grounding: request.grounding,
            **drawing.write(request),
            **size.write(request),
        }

    def receive(picture: Pixels, request: Request) -> Update:
        boxes = request.boxes if isinstance(request, LayoutToImage) else ()
        return {editor: showing_under(picture, boxes), **drawing.receive(request), **size.near(picture, request)}

    form = {editor, grounding, *drawing.inputs(), *size.inputs()}
    job.connect(form, read, write, drawing.seed)
    examples.connect(form, write, sessions.store, picker, job.undo)
    drawing.connect()
    # Only what a person does: of values that come while the page is loading, all but the last would be lost.
    changes = (size.connect().then, size.width.input, size.height.input)
    for change in changes:
        change(
            _aspect, [size.width, size.height], editor, queue=False, show_progress="hidden", api_visibility="private"
        )
    return BuiltTab(
        TITLE,
        {editor, *drawing.inputs(), *size.inputs()},
        receive,
        job,
        followers(drawing, size),
    )


def _aspect(width: float | None, height: float | None) -> object:
    """The canvas takes the picture's aspect, once both sides are there."""
    return showing_aspect(width / height) if width and height and width > 0 and height > 0 else gr.skip()
