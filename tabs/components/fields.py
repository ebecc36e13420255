"""Controls whose bounds are the limits of a request's field."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.requests.fields import Number, Text, Whole, fields_of
from studio.requests.request import Request
from tabs.locale.words import say


def slider(kind: type[Request], field: str, value: float | None = None, *, step: float, **options: Any) -> gr.Slider:
    """Over all values of ``field``, at its first one unless another is given. ``options`` are of `gr.Slider`."""
    limits = fields_of(kind)[field]
    assert isinstance(limits, (Whole, Number))
    options = {"minimum": limits.least, "maximum": limits.most, "label": say(field), "elem_id": field, **options}
    return gr.Slider(value=getattr(kind, field) if value is None else value, step=step, **options)


def textbox(kind: type[Request], field: str, **options: Any) -> gr.Textbox:
    """For ``field``, as long as it may be. ``options`` are of `gr.Textbox`."""
    limits = fields_of(kind)[field]
    assert isinstance(limits, Text)
    return gr.Textbox(max_length=limits.longest, **{"label": say(field), "elem_id": field, **options})
