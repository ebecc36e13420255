"""Which seed a picture is drawn from: the one that stands in the field, or, while none does, a new one each time.

The switch above the field says which of both it is. What a hand does to either of them the browser does to the other at
once, without asking the server, so that nobody who types and presses Generate is too quick for it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import gradio as gr

from studio.errors import InvalidRequest
from studio.requests.limits import LARGEST_SEED, RANDOM_SEEDS
from studio.requests.request import Request
from tabs.locale.words import say

NEW, KEEP = "random", "keep"
IN_THE_BROWSER: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
SWITCH = f"(number) => (number || '').trim() ? '{KEEP}' : '{NEW}'"
FILL = f"""(mode, number, view) => mode === '{NEW}' ? ''
  : number || view?.frames?.[0]?.seed || String(Math.floor({RANDOM_SEEDS} * Math.random()))"""
REUSE = f"""(mode, number, view) => {{
  const seed = view?.frames?.[0]?.seed;
  return seed ? ['{KEEP}', seed] : [mode, number];
}}"""


def read_seed(field: str, value: Any) -> int:
    """A seed that was typed. Raises `InvalidRequest` for anything but digits."""
    text = str(value).strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LARGEST_SEED)):
        raise InvalidRequest(field, text, "a whole number from {least} to {most}", least=0, most=LARGEST_SEED)
    return int(text)


class SeedControls:
    """The switch, the field, and a button that takes the last picture's seed. The number is text: seeds go beyond what
    a browser counts exactly."""

    def __init__(self) -> None:
        modes = [(say("seed_random"), NEW), (say("seed_keep"), KEEP)]
        self.mode = gr.Radio(modes, value=NEW, label=say("seed_mode"), elem_id="seed-mode")
        self.number = gr.Textbox("", label=say("seed"), info=say("seed_hint"), elem_id="seed", max_length=19)
        self.reuse = gr.Button(say("reuse"), size="sm", elem_id="seed-reuse")

    def inputs(self) -> set[gr.Component]:
        return {self.mode, self.number}

    def is_kept(self, filled: Mapping[Any, Any]) -> bool:
        """Whether the field says what is drawn. A number counts whatever the switch says."""
        number = filled[self.number]
        is_empty = number is None or (isinstance(number, str) and not number.strip())
        return filled[self.mode] != NEW or not is_empty

    def read(self, filled: Mapping[Any, Any]) -> int:
        """Raises `InvalidRequest` for anything but digits."""
        return read_seed("seed", filled[self.number]) if self.is_kept(filled) else random.randrange(RANDOM_SEEDS)

    def write(self, request: Request) -> dict[gr.Component, Any]:
        """The request's own, which is drawn again."""
        return {self.mode: KEEP, self.number: str(request.seed)}

    def renew(self) -> dict[gr.Component, Any]:
        """A new one each time."""
        return {self.mode: NEW, self.number: ""}

    def connect(self, view: gr.Component) -> None:
        """``view`` is the live view, whose pictures tell their seeds."""
        every = [self.mode, self.number, view]
        self.number.change(None, self.number, self.mode, js=SWITCH, **IN_THE_BROWSER)
        self.mode.input(None, every, self.number, js=FILL, **IN_THE_BROWSER)
        self.reuse.click(None, every, [self.mode, self.number], js=REUSE, **IN_THE_BROWSER)
