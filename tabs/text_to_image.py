"""Text to image: a person writes what they would like to see, chooses a shape and a number of pictures, and watches
them appear. Everything else is folded away and has a good first value."""

from __future__ import annotations

import gradio as gr

from studio.client import EngineClient
from studio.requests import LONGEST_PROMPT, TextToImage
from tabs.controls import SamplingControls, SeedControls, SizeControls, count_control
from tabs.job import Desk, Given, Job, Receiver, Update
from tabs.words import say

TITLE = "text_to_image"
ORDER = 1
EXAMPLES = (
    "a red house by the sea at night",
    "a yellow hot-air balloon with mountains in the background",
    "a blue windmill in the snow at dawn",
    "日落时的蓝色帆船",
    "夜里沙漠中的紫色城堡",
    "ein weißer Leuchtturm am Meer im Morgengrauen",
    "ein grüner Baum auf einer Wiese am Tag",
)


def build(client: EngineClient, desk: Desk, browser: gr.BrowserState) -> Receiver:
    """Draws the tab inside the tabs that are open, and wires it."""
    (pack, *_) = client.packs()
    size = SizeControls(pack)
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            prompt = gr.Textbox(
                label=say("prompt"), info=say("generate_keys"), placeholder=say("prompt_hint"), lines=3, max_lines=8,
                autofocus=True, elem_id="prompt", max_length=LONGEST_PROMPT,
            )  # fmt: skip
            job = Job(TITLE, client, desk, browser)
            examples = gr.Dataset(
                components=[prompt], samples=[[text] for text in EXAMPLES], label=say("examples"), elem_id="examples",
                layout="gallery",
            )  # fmt: skip
            size.add_shape()
            count = count_control()
            with gr.Accordion(say("more"), open=False, elem_id="more"):
                negative = gr.Textbox(
                    label=say("negative"),
                    placeholder=say("negative_hint"),
                    elem_id="negative",
                    max_length=LONGEST_PROMPT,
                )
                sampling = SamplingControls(pack)
                seed = SeedControls()
                size.add_sides()
            gr.Markdown(say("tab_text_to_image_about"), elem_classes="studio-about")
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            job.add_view()

    def read(given: Given) -> TextToImage:
        return TextToImage(
            prompt=given[prompt] or "",
            negative=given[negative] or "",
            pack=pack.name,
            count=given[count],
            seed=seed.read(given),
            **size.read(given),
            **sampling.read(given),
        )

    def write(request: TextToImage) -> Update:
        return {
            prompt: request.prompt,
            negative: request.negative,
            count: request.count,
            **seed.write(request),
            **size.write(request),
            **sampling.write(request),
        }

    form = {prompt, negative, count, *seed.inputs(), *size.inputs(), *sampling.inputs()}
    job.connect(form, read, write)
    size.connect()
    seed.connect()
    examples.click(
        lambda sample: sample[0], examples, prompt, queue=False, show_progress="hidden", api_visibility="private"
    )
    return Receiver(TITLE, set(), None, job)
