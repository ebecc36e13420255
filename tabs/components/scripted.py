"""Components of our own: a template, a style and a script each, of one name in ``static/``.

The template is static; its script only sets texts and sources, never markup.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from tabs import STATIC


class Scripted(gr.HTML):
    """The component whose files are called ``name``. Its script has ``options`` as its properties, and gives and takes
    an object as its value."""

    def __init__(self, name: str, value: dict[str, Any], **options: Any) -> None:
        html, css, script = ((STATIC / f"{name}.{kind}").read_text() for kind in ("html", "css", "js"))
        super().__init__(
            value=value, html_template=html, css_template=css, js_on_load=script, apply_default_css=False, **options
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
