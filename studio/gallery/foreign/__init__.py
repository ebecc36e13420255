"""What other programs write of their pictures, and how it is said here.

Each program's file becomes `Facts`, words and numbers as they stand there (one file a program, with a ``read`` from a
picture's texts to facts, or to None where they are not of that program); `as_request` makes the nearest request of ours
from them and names what it could not take over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from studio.errors import NoRecipe
from studio.gallery.containers import COMMENT_KEYS, JSON_KEY, TEXT_KEY, texts_in
from studio.gallery.foreign import comfyui, fooocus, infotext, invokeai, swarmui
from studio.gallery.foreign.facts import Facts
from studio.gallery.foreign.nearest import Reading, as_request, short
from studio.gallery.parameters import to_parameters
from studio.gallery.recipe import Recipe, from_json
from studio.message import Message
from studio.models.catalogue import PackInfo

__all__ = ["READERS", "Reading", "read_picture"]

# By program; of two that say as much, the first counts: a graph may have come along from the picture that another one
# was made from.
READERS: Sequence[tuple[str, Callable[[Mapping[str, str]], Facts | None]]] = (
    ("SwarmUI", swarmui.read),
    ("Fooocus", fooocus.read),
    ("InvokeAI", invokeai.read),
    ("AUTOMATIC1111", infotext.read),
    ("ComfyUI", comfyui.read),
    ("InvokeAI 2", invokeai.read_older),
    ("InvokeAI 1", invokeai.read_oldest),
)


def read_picture(file: bytes, packs: Sequence[PackInfo], name: str = "This file") -> Reading:
    """The recipe in a PNG, JPEG or WebP of ours or of another program, for a studio with ``packs``, the first of which
    draws what names no known one. Of several the one that says most; what could not be read beside it is named. Raises
    `NoRecipe`."""
    texts = texts_in(file, name)
    failed: dict[str, NoRecipe] = {}
    if JSON_KEY in texts:
        try:
            return _own(from_json(texts[JSON_KEY]), packs)
        except NoRecipe as error:
            failed["Latent Studio"] = error
    found: list[Facts] = []
    for program, reader in READERS:
        for each in _with_each_comment(texts):
            try:
                facts = _tried(reader, each)
            except NoRecipe as error:
                failed.setdefault(program, error)
            else:
                found += [facts] if facts and facts.known else []
    if found:
        reading = as_request(max(found, key=lambda facts: facts.known), packs)
        unread = (Message("{program}: {error}", program=name, error=each.message) for name, each in failed.items())
        return replace(reading, lost=(*reading.lost, *unread))
    for failure in failed.values():
        raise failure
    raise NoRecipe(
        "{name} carries no recipe; it was not made by a program that writes one, or lost it on the way.", name=name
    )


def _own(recipe: Recipe, packs: Sequence[PackInfo]) -> Reading:
    request, lost = recipe.request, []
    if request.pack not in (pack.name for pack in packs):
        lost.append(f"model: {short(request.pack)}")
        request = replace(request, pack=packs[0].name)
    if recipe.stopped_at is not None:
        lost.append(f"stopped at: {recipe.stopped_at}")
    return Reading("Latent Studio", to_parameters(recipe), request, tuple(lost))


def _with_each_comment(texts: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The texts with each that may be "parameters" as those."""
    comments = [texts[key] for key in COMMENT_KEYS if key in texts]
    if not comments:
        yield texts
    for comment in comments:
        yield {**texts, TEXT_KEY: comment}


def _tried(reader: Callable[[Mapping[str, str]], Facts | None], texts: Mapping[str, str]) -> Facts | None:
    """Raises `NoRecipe` for what is not as it should be."""
    try:
        facts = reader(texts)
        return None if facts is None else facts.in_whole_letters()
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise NoRecipe("The recipe in this picture is damaged ({kind}).", kind=type(error).__name__) from None
