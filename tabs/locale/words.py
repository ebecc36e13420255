"""The words on the page, by their keys, which every catalogue gives a text. Keys that begin with ``live_`` or
``editor_`` are used by the JavaScript of the live view and the editors."""

from __future__ import annotations

import gradio as gr

from studio.message import Message
from studio.sampling.catalogue import SAMPLERS, Sampler
from tabs.locale.catalogue import ENGLISH, LANGUAGES, in_language, read_catalogue


def sampler_key(sampler: Sampler) -> str:
    return "sampler_" + "".join(
        letter if letter.isalnum() else "_" for letter in sampler.name.lower().replace("+", "p")
    )


def table() -> dict[str, dict[str, str]]:
    """Language -> key -> text, samplers' lines in the picker included."""
    return {language: _words(language) for language in LANGUAGES}


def _words(language: str) -> dict[str, str]:
    texts = read_catalogue(language)
    words = {key: texts[key] for key in read_catalogue(ENGLISH)}
    for sampler in SAMPLERS.values():
        words[sampler_key(sampler)] = f"{sampler.name} — {in_language(Message(sampler.description), language)}"
    return words


def words_of(*prefixes: str) -> dict[str, dict[str, str]]:
    """The part of the table that a component's JavaScript needs."""
    return {
        language: {key: text for key, text in words.items() if key.startswith(prefixes)}
        for language, words in table().items()
    }


def words_in(key: str, language: str) -> str:
    """The text called ``key`` in ``language``, for what is put together on the server."""
    return read_catalogue(language)[key]


say = gr.I18n(**table())
