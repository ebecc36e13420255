"""A person writes what should come back, and how often."""

from __future__ import annotations

import gradio as gr
from studio.requests.echo import Echo

from studio.backends.client import EngineClient
from tabs.components.controls import DrawingControls, SizeControls, followers
from tabs.components.fields import slider
from tabs.components.generation import BuiltTab, FormValues, GenerationPanel, SessionJobs, Update
from tabs.components.picker import ModelPicker
from tabs.request_context import BrowserName

TITLE = "echo"
ORDER = 90


def build(client: EngineClient, sessions: SessionJobs, browser: BrowserName, picker: ModelPicker) -> BuiltTab:
    drawing, size = DrawingControls(picker), SizeControls(picker)
    drawing.add_prompt("prompt_hint")
    job = GenerationPanel(TITLE, client, sessions, browser)
    echoes = slider(Echo, "echoes", step=1, label="Echoes")
    size.add_shape()
    drawing.add_count()
    drawing.add_sampling()
    with gr.Accordion("More", open=False):
        drawing.add_finer_points()
        size.add_sides()
    job.add_view()

    def read(filled: FormValues) -> Echo:
        return Echo(echoes=filled[echoes], **drawing.read(filled), **size.read_first_stage(filled))

    def write(request: Echo) -> Update:
        return {echoes: request.echoes, **drawing.write(request), **size.write(request)}

    job.connect({echoes, *drawing.inputs(), *size.inputs()}, read, write, drawing.seed)
    drawing.connect()
    size.connect()
    return BuiltTab(TITLE, set(), None, job, followers(drawing, size))
