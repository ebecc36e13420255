"""What the page says in each of its languages: a gettext catalogue each, `en.po`, `zh.po` and `de.po`.

A word of the page has a key, which every catalogue gives a text. A `Message` is known by its English template, so
`en.po` lacks those.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

from studio.message import Message

FOLDER = Path(__file__).parent
ENGLISH = "en"  # which messages are written in
LANGUAGES = (ENGLISH, *sorted(file.stem for file in FOLDER.glob("*.po") if file.stem != ENGLISH))


@cache
def read_catalogue(language: str) -> Mapping[str, str]:
    """Key, or English template -> text in ``language``."""
    with (FOLDER / f"{language}.po").open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file) if entry.id}


def in_language(message: Message, language: str) -> str:
    """``message`` as a person who reads ``language`` is told it; what no catalogue knows stays as it is."""
    if language == ENGLISH:
        return str(message)
    texts = read_catalogue(language)
    return message.render(lambda template: texts.get(template, template))
