"""Text to image: a person writes what they would like to see, chooses a shape and a number of pictures, and watches
them appear. Everything else is folded away and has a good first value."""

from __future__ import annotations

import gradio as gr

from studio.client import EngineClient
from studio.requests.text_to_image import TextToImage
from tabs.controls import DrawingControls, SizeControls, followers
from tabs.door import BrowserName
from tabs.examples import Examples
from tabs.job import Desk, Given, Job, Receiver, Update
from tabs.picker import ModelPicker
from tabs.words import say

TITLE = "text_to_image"
ORDER = 1


def build(client: EngineClient, desk: Desk, browser: BrowserName, picker: ModelPicker) -> Receiver:
    """Draws the tab inside the tabs that are open, and wires it."""
    size, drawing = SizeControls(picker), DrawingControls(picker)
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            drawing.add_prompt("prompt_hint", lines=3, autofocus=True)
            job = Job(TITLE, client, desk, browser)
            examples = Examples(TextToImage.TASK)
            size.add_shape()
            drawing.add_count()
            drawing.add_sampling()
            with gr.Accordion(say("more"), open=False, elem_id="more"):
                drawing.add_finer_points()
                size.add_sides()
            gr.Markdown(say("tab_text_to_image_about"), elem_classes="studio-about")
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            job.add_view()

    def read(given: Given) -> TextToImage:
        return TextToImage(**drawing.read(given), **size.read(given))

    def write(request: TextToImage) -> Update:
        return {**drawing.write(request), **size.write(request)}

    form = {*drawing.inputs(), *size.inputs()}
    job.connect(form, read, write, drawing.echo)
    examples.connect(form, write, desk.store, picker)
    size.connect()
    drawing.connect()
    return Receiver(TITLE, set(), None, job, followers(drawing, size))
