"""What the editors share on the server's side: templates, and values that a page takes once.

An editor is a 2D canvas with its tools (`static/editor.js` and a script of its own). The template is static; its
scripts only set texts and sources, never markup.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

import gradio as gr

from tabs import STATIC
from tabs.locale.words import words_of


class Editor(gr.HTML):
    """The editor whose files in ``static/`` are called ``name``."""

    def __init__(self, name: str, value: dict[str, Any], **options: Any) -> None:
        html, css, script = (STATIC / f"{name}.{kind}" for kind in ("html", "css", "js"))
        super().__init__(
            value=value,
            html_template=html.read_text(),
            css_template=(STATIC / "editor.css").read_text() + css.read_text(),
            js_on_load=_constant("WORDS", words_of("editor_"))
            + (STATIC / "editor.js").read_text()
            + script.read_text(),
            apply_default_css=False,
            **options,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def _constant(name: str, value: object) -> str:
    """For a script, in the script itself: a component that is told something before its tab was ever open loses its
    properties, all but the value."""
    return f"const {name} = {json.dumps(value, ensure_ascii=False)};\n"


def stamped(**value: Any) -> dict[str, Any]:
    """A value that a page takes although it may have one like it: whatever comes without a new stamp is its own echo,
    older than what its person has done since."""
    return {**value, "stamp": secrets.token_hex(4)}
