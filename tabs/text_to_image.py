"""Text to image: a person writes what they would like to see, chooses a shape and a number of pictures, and watches
them appear. Everything else is folded away and has a good first value."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from studio.client import EngineClient
from studio.errors import StudioError, UnknownJob
from studio.requests import TextToImage
from tabs.controls import (
    Given,
    SamplingControls,
    SeedControls,
    SizeControls,
    count_control,
    shape_control,
    shape_of,
    side_controls,
)
from tabs.live import Desk, LiveView, View, follow, new_browser
from tabs.words import say

TITLE = "text_to_image"
ORDER = 1
EXAMPLES = (
    "a red house by the sea at night",
    "a yellow hot-air balloon with mountains in the background",
    "a white cat in the snow at dawn",
    "日落时的蓝色帆船",
    "夜里沙漠中的紫色城堡",
    "ein weißer Leuchtturm am Meer im Morgengrauen",
    "ein rotes Auto und eine grüne Tanne im Schnee",
)

Update = dict[gr.Component, Any]


def build(client: EngineClient, desk: Desk, browser: gr.BrowserState, page: gr.Blocks) -> None:
    """Draws the tab inside the tabs that are open, and wires it."""
    (pack, *_) = client.packs()
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            prompt = gr.Textbox(
                label=say("prompt"), info=say("generate_keys"), placeholder=say("prompt_hint"),
                lines=3, max_lines=8, autofocus=True,
                elem_id="prompt", max_length=2000,
            )  # fmt: skip
            with gr.Row(elem_classes="studio-actions"):
                go = gr.Button(say("generate"), variant="primary", size="lg", elem_id="generate", min_width=140)
                stop = gr.Button(say("stop"), variant="stop", size="lg", visible=False, elem_id="stop", min_width=140)
                discard = gr.Button(say("discard"), size="lg", visible=False, elem_id="discard", min_width=100)
            examples = gr.Dataset(
                components=[prompt], samples=[[text] for text in EXAMPLES], label=say("examples"), elem_id="examples",
                layout="gallery",
            )  # fmt: skip
            shape = shape_control()
            count = count_control()
            with gr.Accordion(say("more"), open=False, elem_id="more"):
                negative = gr.Textbox(
                    label=say("negative"),
                    placeholder=say("negative_hint"),
                    lines=1,
                    elem_id="negative",
                    max_length=2000,
                )
                sampling = SamplingControls.build(pack)
                seed = SeedControls.build()
                width, height = side_controls(pack)
            gr.Markdown(say("tab_text_to_image_about"), elem_classes="studio-about")
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            live = LiveView(elem_id="live")
    SizeControls(shape, width, height).connect(pack)

    shown_job = gr.State("")  # what Stop stops: another page of the same browser may show another job
    form = {prompt, negative, width, height, count, browser, *sampling.inputs(), *seed.inputs()}
    buttons = (go, stop, discard)

    def generate(given: Given) -> Iterator[Update]:
        """Submits what the form asks for and shows it to the end."""
        try:
            request = TextToImage(
                prompt=given[prompt] or "",
                negative=given[negative] or "",
                pack=pack.name,
                width=given[width],
                height=given[height],
                count=given[count],
                seed=seed.read(given),
                **sampling.read(given),
            )
        except StudioError as error:
            raise gr.Error(str(error), print_exception=False) from None
        name = given[browser] or new_browser()  # a quick hand may be here before `attach` has given it one
        job = client.submit(request)
        desk.put(name, TITLE, job, request)
        yield {**_running(buttons, True), shown_job: job, seed.number: str(request.seed), browser: name}
        yield from _show(job, request)

    def attach(kept: str | None) -> Iterator[Update]:
        """Gives a new browser its name; shows a known one its latest job, running or finished, with its form."""
        latest = desk.latest(kept, TITLE) if kept else None
        if latest is None:
            yield {browser: kept or new_browser(), live: View().greeting()}
            return
        job, request = latest
        yield {**_running(buttons, True), shown_job: job, **restore(request)}
        yield from _show(job, request)

    def restore(request: TextToImage) -> Update:
        return {
            prompt: request.prompt,
            negative: request.negative,
            width: request.width,
            height: request.height,
            count: request.count,
            shape: shape_of(request.width, request.height, pack),
            seed.number: str(request.seed),
            **sampling.restore(request),
        }

    def _show(job: str, request: TextToImage) -> Iterator[Update]:
        try:
            for view in follow(client, job, request):
                yield {go: gr.skip()} if view is None else {live: view}
        except UnknownJob:  # so long ago that the engine has forgotten it; its pictures are in the data folder
            yield {live: View().greeting()}
        yield _running(buttons, False)

    def halt(kept: str, job: str, *, keep: bool) -> None:
        if desk.owns(kept, TITLE, job):
            client.cancel(job, keep=keep)

    shown = [live, *buttons, seed.number, browser, shown_job]
    go.click(generate, form, shown, show_progress="hidden", api_visibility="private", concurrency_limit=None)
    live.ready(
        attach, browser, [*shown, prompt, negative, width, height, shape, count, *sampling.inputs()],
        show_progress="hidden", api_visibility="private", concurrency_limit=None,
    )  # fmt: skip
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    stop.click(partial(halt, keep=True), [browser, shown_job], None, **quiet)
    discard.click(partial(halt, keep=False), [browser, shown_job], None, **quiet)
    examples.click(lambda sample: sample[0], examples, prompt, **quiet)
    seed.reuse.click(lambda: "keep", None, seed.mode, **quiet)


def _running(buttons: tuple[gr.Button, gr.Button, gr.Button], running: bool) -> Update:
    """Generate while nothing runs; stop and discard while something does."""
    go, stop, discard = buttons
    return {
        go: gr.update(visible=not running),
        stop: gr.update(visible=running),
        discard: gr.update(visible=running),
    }
