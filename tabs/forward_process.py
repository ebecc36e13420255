"""How it works: a picture with more and more noise, and beside each what the model takes it for, in one step."""

from __future__ import annotations

import gradio as gr

from studio.backends.client import EngineClient
from studio.errors import InvalidRequest
from studio.images.pixels import Pixels
from studio.requests.forward_process import ForwardProcess
from studio.requests.request import Prompted, Request
from tabs.components.controls import count_slider
from tabs.components.examples import Examples
from tabs.components.fields import slider, textbox
from tabs.components.generation import BuiltTab, FormValues, GenerationPanel, SessionJobs, Update
from tabs.components.picker import ModelPicker
from tabs.components.picture_editor import PictureEditor, showing_picture
from tabs.components.seed import SeedControls
from tabs.locale.words import say
from tabs.request_context import BrowserName

TITLE = "forward_process"
ORDER = 6
TIMES = 6


def build(client: EngineClient, sessions: SessionJobs, browser: BrowserName, picker: ModelPicker) -> BuiltTab:
    """Draws the tab inside the tabs that are open, and wires it."""
    store = sessions.store
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            editor = PictureEditor(elem_id="picture")
            job = GenerationPanel(TITLE, client, sessions, browser)
            examples = Examples(ForwardProcess.TASK)
            gr.Markdown(say("tab_forward_process_about"), elem_classes="studio-about")
            prompt = textbox(ForwardProcess, "prompt", info=say("noise_prompt"))
            count = count_slider(TIMES)
            with gr.Accordion(say("more"), open=False, elem_id="more"):
                begin, end = _time("begin"), _time("end")
                seed = SeedControls()
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            job.add_view()

    fields = {"prompt": prompt, "count": count, "begin": begin, "end": end}

    def read(filled: FormValues) -> ForwardProcess:
        if not filled[editor]:
            raise InvalidRequest("image", None, "a picture: choose one, or drop one on the frame")
        values = {name: filled[component] for name, component in fields.items()}
        values["prompt"] = values["prompt"] or ""
        pack = picker.info(filled[picker.dropdown])
        return ForwardProcess(
            image=filled[editor],
            pack=pack.name,
            width=2 * pack.size,
            height=pack.size,
            seed=seed.read(filled),
            **values,
        )

    def write(request: ForwardProcess) -> Update:
        (picture,) = store.sources_of(request)
        assert isinstance(picture, Pixels)
        values = {component: getattr(request, name) for name, component in fields.items()}
        return {editor: showing_picture(picture), **values, **seed.write(request)}

    def receive(picture: Pixels, request: Request) -> Update:
        words = request.prompt if isinstance(request, Prompted) else ""
        return {editor: showing_picture(picture), prompt: words, **seed.renew()}

    form = {editor, *fields.values(), *seed.inputs(), picker.dropdown}
    job.connect(form, read, write, seed)
    examples.connect(form, write, store, picker, job.undo)
    return BuiltTab(TITLE, {editor, prompt, *seed.inputs()}, receive, job, lambda pack: {})


def _time(field: str) -> gr.Slider:
    name = f"noise_{field}"
    return slider(ForwardProcess, field, step=0.05, label=say(name), info=say("noise_time_hint"), elem_id=name)
