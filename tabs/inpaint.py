"""Inpainting: a person brings a picture, or sends one here, paints over what is to be drawn anew, and says what should
be there. The canvas can be made larger, too; everything that is not painted over stays as it is, to the byte."""

from __future__ import annotations

import gradio as gr

from studio.client import EngineClient
from studio.errors import InvalidRequest
from studio.images.pixels import Mask, Pixels
from studio.images.resizing import resized
from studio.requests import FILLS, LEAST_STRENGTH, LONGEST_PROMPT, MOST_FEATHER, Inpaint
from tabs.controls import SamplingControls, SeedControls, count_control
from tabs.job import Desk, Given, Job, Receiver, Update
from tabs.mask_editor import MaskEditor, Painted, showing
from tabs.words import say

TITLE = "inpaint"
ORDER = 3


def build(client: EngineClient, desk: Desk, browser: gr.BrowserState) -> Receiver:
    """Draws the tab inside the tabs that are open, and wires it."""
    (pack, *_) = client.packs()
    store = desk.store
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            editor = MaskEditor(elem_id="mask")
            prompt = gr.Textbox(
                label=say("prompt"), info=say("generate_keys"), placeholder=say("inpaint_hint"), lines=2, max_lines=8,
                elem_id="prompt", max_length=LONGEST_PROMPT,
            )  # fmt: skip
            job = Job(TITLE, client, desk, browser)
            only_masked = gr.Checkbox(
                False, label=say("only_masked"), info=say("only_masked_hint"), elem_id="only-masked"
            )
            count = count_control()
            with gr.Accordion(say("more"), open=False, elem_id="more"):
                fill = gr.Radio(
                    [(say(f"fill_{name}"), name) for name in FILLS], value=FILLS[0], label=say("fill"),
                    info=say("fill_hint"), elem_id="fill",
                )  # fmt: skip
                strength = gr.Slider(
                    LEAST_STRENGTH, 1, 0.75, step=0.05, label=say("strength"), info=say("strength_hint"),
                    elem_id="strength",
                )  # fmt: skip
                feather = gr.Slider(0, MOST_FEATHER, Inpaint.feather, step=1, label=say("feather"), elem_id="feather")
                padding = gr.Slider(0, 512, Inpaint.padding, step=8, label=say("padding"), elem_id="padding")
                negative = gr.Textbox(
                    label=say("negative"), placeholder=say("negative_hint"), elem_id="negative",
                    max_length=LONGEST_PROMPT,
                )  # fmt: skip
                sampling = SamplingControls(pack)
                seed = SeedControls()
            gr.Markdown(say("tab_inpaint_about"), elem_classes="studio-about")
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            job.add_view()

    def read(given: Given) -> Inpaint:
        picture, mask = _picture_and_mask(given[editor])
        return Inpaint(
            prompt=given[prompt] or "",
            negative=given[negative] or "",
            pack=pack.name,
            image=picture.digest,
            mask=store.keep(mask),
            width=picture.width,
            height=picture.height,
            fill=given[fill],
            strength=1.0 if given[fill] == "noise" else given[strength],
            only_masked=given[only_masked],
            padding=given[padding],
            feather=given[feather],
            count=given[count],
            seed=seed.read(given),
            **sampling.read(given),
        )

    def _picture_and_mask(painted: Painted | None) -> tuple[Pixels, Mask]:
        if painted is None:
            raise InvalidRequest("image", None, "a picture: choose one, or drop one on the frame")
        picture = store.source(painted.digest)
        if painted.mask is None or not isinstance(picture, Pixels):
            raise InvalidRequest("mask", "empty", "some part of the picture painted over")
        return picture, Mask.of(resized(painted.mask, picture.width, picture.height))

    def write(request: Inpaint) -> Update:
        picture, mask = store.sources_of(request)
        assert isinstance(picture, Pixels)
        assert isinstance(mask, Mask)
        return {
            editor: showing(picture, mask),
            prompt: request.prompt,
            negative: request.negative,
            fill: request.fill,
            strength: request.strength,
            only_masked: request.only_masked,
            padding: request.padding,
            feather: request.feather,
            count: request.count,
            **seed.write(request),
            **sampling.write(request),
        }

    def receive(picture: Pixels, words: str) -> Update:
        return {editor: showing(picture), prompt: words}

    form = {
        editor,
        prompt,
        negative,
        fill,
        strength,
        only_masked,
        padding,
        feather,
        count,
        *seed.inputs(),
        *sampling.inputs(),
    }
    job.connect(form, read, write)
    seed.connect()
    return Receiver(TITLE, {editor, prompt}, receive, job)
