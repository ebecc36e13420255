"""Text to image: a person writes what they would like to see, chooses a shape and a number of pictures, and watches
them appear. Everything else is folded away and has a good first value."""

from __future__ import annotations

import random
from typing import Any

import gradio as gr

from studio.backends.client import EngineClient
from studio.gallery.store import Store
from studio.images.pixels import Pixels
from studio.requests.limits import RANDOM_SEEDS
from studio.requests.text_to_image import TextToImage
from tabs.components.controls import DrawingControls, SizeControls, followers
from tabs.components.drafts import Drafts
from tabs.components.examples import Examples
from tabs.components.fields import slider
from tabs.components.generation import BuiltTab, FormValues, GenerationPanel, SessionJobs, Update
from tabs.components.picker import ModelPicker
from tabs.components.picture_editor import PictureEditor, emptied, showing_picture
from tabs.components.seed import read_seed
from tabs.locale.words import say
from tabs.request_context import BrowserName

TITLE = "text_to_image"
ORDER = 1


class _BeginningControls:
    """What drawing begins from, if not from the noise of one seed: a picture, or noise between two seeds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._editor = PictureEditor(elem_id="start")
        self._strength = slider(
            TextToImage, "strength", step=0.05, label=say("begin_strength"), info=say("begin_strength_hint"),
            elem_id="begin-strength",
        )  # fmt: skip
        self._variation = slider(TextToImage, "variation", step=0.05, info=say("variation_hint"))
        self._seed = gr.Textbox(
            str(random.randrange(RANDOM_SEEDS)), label=say("variation_seed"), elem_id="variation-seed", max_length=19
        )

    def inputs(self) -> set[gr.Component]:
        return {self._editor, self._strength, self._variation, self._seed}

    def read(self, filled: FormValues) -> dict[str, Any]:
        image, seed = filled[self._editor] or "", read_seed("variation_seed", filled[self._seed])
        return {
            "image": image, "strength": filled[self._strength], "variation": filled[self._variation],
            "variation_seed": seed,
        }  # fmt: skip

    def write(self, request: TextToImage) -> Update:
        (picture,) = self._store.sources_of(request) or (None,)
        return {
            self._editor: showing_picture(picture) if isinstance(picture, Pixels) else emptied(),
            self._strength: request.strength,
            self._variation: request.variation,
            self._seed: str(request.variation_seed),
        }


def build(client: EngineClient, sessions: SessionJobs, browser: BrowserName, picker: ModelPicker) -> BuiltTab:
    """Draws the tab inside the tabs that are open, and wires it."""
    size, drawing = SizeControls(picker), DrawingControls(picker)
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            drawing.add_prompt("prompt_hint", lines=3, autofocus=True)
            drafts = Drafts()
            job = GenerationPanel(TITLE, client, sessions, browser)
            examples = Examples(TextToImage.TASK)
            size.add_shape()
            drawing.add_count()
            drawing.add_sampling()
            with gr.Accordion(say("more"), open=False, elem_id="more"):
                drawing.add_finer_points()
                size.add_sides()
            with gr.Accordion(say("begin_from"), open=False, elem_id="begin"):
                beginning = _BeginningControls(sessions.store)
            gr.Markdown(say("tab_text_to_image_about"), elem_classes="studio-about")
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            job.add_view()

    def read(filled: FormValues) -> TextToImage:
        return TextToImage(**drawing.read(filled), **size.read(filled), **beginning.read(filled))

    def read_draft(filled: FormValues) -> TextToImage:
        words = {**drawing.read(filled), "seed": drawing.draft_seed(filled)}
        return TextToImage(**words, **size.read(filled))

    def write(request: TextToImage) -> Update:
        return {**drawing.write(request), **size.write(request), **beginning.write(request)}

    form = {*drawing.inputs(), *size.inputs(), *beginning.inputs()}
    job.connect(form, read, write, drawing.seed)
    drafts.connect(client, sessions, browser, {*drawing.inputs(), *size.inputs()}, read_draft, picker.info)
    examples.connect(form, write, sessions.store, picker, job.undo)
    size.connect()
    drawing.connect()
    return BuiltTab(TITLE, set(), None, job, followers(drawing, size))
