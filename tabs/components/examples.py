"""Examples: small pictures that put the request which made them into the form.

The texts under them are people's (ours, here); the script sets them as text, as everywhere.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
import PIL.Image

from studio.errors import MissingImage
from studio.gallery.examples import Example, find_examples
from studio.gallery.store import Store
from studio.images.pixels import Mask, Pixels
from studio.images.resizing import resized
from studio.requests.layout_to_image import LayoutToImage
from tabs.components.generation import QUICK, FormValues, Update
from tabs.components.picker import ModelPicker
from tabs.components.scripted import Scripted
from tabs.components.undo import Undo
from tabs.locale.words import words_of

SHOWN_HEIGHT = 128  # pixels, at most
PAINT = np.array((221, 93, 98), np.uint8)  # what covers a mask, as in the editor
PAINT_SHARE = 0.6


class Examples(Scripted):
    """The examples that ship for ``task``. Make it where it belongs, then `connect` it."""

    def __init__(self, task: str, **options: Any) -> None:
        self._examples = find_examples(task)
        super().__init__(
            "examples",
            {"examples": [_shown(each) for each in self._examples]},
            words=words_of("examples"),
            elem_id="examples",
            **options,
        )

    def connect(
        self, form: set[gr.Component], write: Callable[[Any], Update], store: Store, picker: ModelPicker, undo: Undo
    ) -> None:
        """``write`` gives the values of ``form`` for a request; what the example is made from goes into ``store``, and
        what drew it is picked. ``undo`` takes that back."""

        def choose(filled: FormValues, event: gr.EventData) -> Update:
            number = event._data.get("number") if isinstance(event._data, dict) else None
            if not isinstance(number, int) or not 0 <= number < len(self._examples):
                raise MissingImage("There is no such example.")
            example = self._examples[number]
            for source in example.sources:
                store.keep(source)
            return {**write(example.request), picker.dropdown: example.request.pack, **undo.offer(filled)}

        self.choose(choose, form, [*form, undo], preprocess=False, **QUICK)


def _shown(example: Example) -> dict[str, Any]:
    """What the script needs: the picture, what it was made from, the boxes on it, and the words."""
    request = example.request
    boxes = [each.box for each in request.boxes] if isinstance(request, LayoutToImage) else []
    picture = example.picture
    return {
        "picture": _url(picture),
        "before": _before(example),
        "aspect": picture.width / picture.height,
        "boxes": boxes,
        "text": request.caption,
    }


def _before(example: Example) -> str | None:
    """The picture that the example was made from, painted over where it has a mask; None where there is none."""
    picture = next((each for each in example.sources if isinstance(each, Pixels)), None)
    mask = next((each for each in example.sources if isinstance(each, Mask)), None)
    if picture is None or mask is None:
        return None if picture is None else _url(picture)
    share = PAINT_SHARE * mask.array[:, :, None] / 255
    return _url(Pixels.of((picture.array * (1 - share) + PAINT * share).round().astype(np.uint8)))


def _url(picture: Pixels) -> str:
    scale = min(1.0, SHOWN_HEIGHT / picture.height)
    small = resized(picture.array, round(picture.width * scale), round(picture.height * scale))
    stream = io.BytesIO()
    PIL.Image.fromarray(small).save(stream, "WEBP", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
