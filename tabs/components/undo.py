"""Takes back what filled a tab's form anew: an example, a picture that is used again, or one that was sent here.

What the form held before goes back to the browser with the answer, and stays there; the server keeps none of it. Taken
back, the form can be had again by the same button.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from tabs.components.editor import stamped
from tabs.components.scripted import Scripted
from tabs.locale.words import words_of

# Editors take what has a stamp of its own.
PUT_BACK = """(undo, ...now) => {
  const stamp = () => Math.random().toString(36).slice(2);
  const isEditor = (value) => value && typeof value === 'object' && 'source' in value;
  const taken = (value) => ({ ...value, empty: !value.source, settled: true, stamp: stamp() });
  const again = (value) => (isEditor(value) ? taken(value) : value);
  return [{ kept: now, stamp: stamp() }, ...(undo.kept || now).map(again)];
}"""


class Undo(Scripted):
    """The button, which is there once there is something to take back. Make it where it belongs, then `connect` it."""

    def __init__(self, **options: Any) -> None:
        super().__init__("undo", {"kept": None}, words=words_of("take_back"), **{"elem_id": "undo", **options})
        self._form: list[gr.Component] = []

    def connect(self, form: set[gr.Component]) -> None:
        self._form = sorted(form, key=lambda component: component._id)
        both = [self, *self._form]
        self.undo(None, both, both, js=PUT_BACK, queue=False, show_progress="hidden", api_visibility="private")

    def offer(self, filled: Mapping[Any, Any]) -> dict[gr.Component, Any]:
        """To bring back what the form holds now: ``given`` are its values as the browser sent them."""
        return {self: stamped(kept=[filled[component] for component in self._form])}
