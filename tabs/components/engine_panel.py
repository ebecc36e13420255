"""The engine, for whoever wants to know: which models are in memory, and what it does just now. Folded away; it asks
for news only while it is open."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from studio.backends.client import EngineClient
from studio.models.catalogue import PackState
from tabs.components.generation import QUICK
from tabs.locale.words import say, words_in
from tabs.request_context import language_of

SECONDS = 2.0  # between two looks


def build_panel(client: EngineClient) -> None:
    """Draws the panel where it is called."""
    with gr.Accordion(say("engine"), open=False, elem_id="engine") as panel:
        shown = gr.HTML(elem_classes="studio-engine")
    timer = gr.Timer(SECONDS, active=False)

    def look(page: gr.Request) -> str:
        return as_table(client, language_of(page))

    def begin(page: gr.Request) -> tuple[Any, str]:
        return gr.Timer(active=True), look(page)

    panel.expand(begin, None, [timer, shown], **QUICK)
    panel.collapse(lambda: gr.Timer(active=False), None, timer, **QUICK)
    timer.tick(look, None, shown, **QUICK)


def as_table(client: EngineClient, language: str) -> str:
    """What is known of the engine now, as HTML."""
    pulse = client.pulse
    facts = {
        "engine_device": client.device or "…",
        "engine_rows": f"{pulse.rows} ({pulse.waiting})",
        "engine_inputs": f"{pulse.inputs} / {'…' if client.inputs is None else f'{client.inputs:g}'}",
        "engine_steps": f"{pulse.steps_a_second:.1f}",
    }
    rows = [(words_in(key, language), value) for key, value in facts.items()]
    rows += [(state.info.title, _status(state, language)) for state in client.packs() if state.status != "available"]
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{cells}</table>"


def _status(state: PackState, language: str) -> str:
    if state.status == "resident":
        return f"{state.megabytes:,.0f} MB"
    if state.status == "loading":
        return words_in("live_loading", language).replace("{share}", str(round(100 * state.share)))
    return str(state.problem or "")
