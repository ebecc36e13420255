"""Whatever can go wrong is said in every language of the page. The sentences are found in the source, so a new one that
nobody has translated fails here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import studio.errors
from studio.errors import BadPicture, InvalidRequest
from studio.gallery.foreign import Reading
from studio.images import kinds
from studio.images.opening import open_picture
from studio.requests.interpolate import Interpolate
from studio.requests.text_to_image import TextToImage
from tabs.locale.refusals import HOLE, TEMPLATES, in_language
from tabs.routes.exports import _told

ROOT = Path(__file__).parents[2]
ERRORS = {name for name, kind in vars(studio.errors).items() if isinstance(kind, type)} | {"_Refused"}
COMMAND_LINE_ONLY = ("studio/cli/", "studio/settings.py")
FILES = [
    file
    for file in [*ROOT.glob("studio/**/*.py"), *ROOT.glob("tabs/**/*.py")]
    if not str(file.relative_to(ROOT)).startswith(COMMAND_LINE_ONLY)
]


def _sentences() -> list[tuple[str, str]]:
    """Where, and the text of every message that is written out where an error is made; holes become ``7``."""
    found = []
    for file in FILES:
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if name in ERRORS and node.args:
                    place = {"InvalidRequest": 2, "_Refused": 1}.get(name, 0)
                    text = _text(node.args[place if place < len(node.args) else 0])
                    if text and re.search(r"[a-z]{2}", HOLE.sub("", text)):
                        found.append((f"{file.relative_to(ROOT)}:{node.lineno}", text))
    return found


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)  # type: ignore[misc]
    return None


SENTENCES = _sentences()


def test_sentences_are_found() -> None:
    assert len(SENTENCES) > 60


@pytest.mark.parametrize(("place", "sentence"), SENTENCES, ids=[place for place, _ in SENTENCES])
def test_every_refusal_can_be_said_in_every_language(place: str, sentence: str) -> None:
    for language in ("zh", "de"):
        assert in_language(sentence, language) != sentence, f"{place}: translate it in tabs/locale/refusals.py"


@pytest.mark.parametrize("template", TEMPLATES)
def test_translations_have_the_same_holes(template: str) -> None:
    for text in TEMPLATES[template]:
        assert sorted(HOLE.findall(text)) == sorted(HOLE.findall(template))


def test_a_field_and_what_was_expected_are_translated_and_what_was_typed_is_not() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        TextToImage(prompt="x", pack="p", width=65, height=64)
    assert in_language(str(refusal.value), "de") == "Breite ist 65; erwartet: ein Vielfaches von 8 von 64 bis 2048."
    strange = InvalidRequest("sampler", "a; expected text.", "text")
    assert in_language(str(strange), "zh") == "采样器为 'a; expected text.'；应为文字。"


def test_what_else_a_file_is_is_said_in_every_language_unless_it_is_a_name() -> None:
    said = {*kinds.BEGINNINGS.values(), *kinds.MOVING.values(), *kinds.MARKUP.values(), *kinds.RIFF.values()}
    for kind in (*said, "empty", "text"):
        is_name = re.fullmatch(r"[A-Z0-9][\w ]*[A-Z0-9]\w*", kind) is not None
        for language in ("zh", "de"):
            assert (in_language(kind, language) == kind) == is_name, kind
    assert in_language(str(_refusal(b"plain words")), "de").startswith("Die Datei ist Text; erwartet wurde")


def _refusal(file: bytes) -> BadPicture:
    with pytest.raises(BadPicture) as refusal:
        open_picture(file)
    return refusal.value


def test_what_is_missing_is_said_to_be() -> None:
    """Whoever had one picture left over in an interpolation read "other is None"."""
    with pytest.raises(InvalidRequest) as refusal:
        Interpolate(image="0" * 64, pack="p", width=64, height=64)
    assert str(refusal.value).startswith("other is missing; expected a picture at both ends, or none: ")
    assert in_language(str(refusal.value), "de").startswith("Zweites Bild fehlt; erwartet: ein Bild an beiden Enden")
    assert in_language(str(refusal.value), "zh").startswith("缺少第二张图片；应为两端都有图片")
    typed = InvalidRequest("sampler", "missing", "text")
    assert in_language(str(typed), "de") == "Sampler ist 'missing'; erwartet: Text."


def test_a_sentence_that_nobody_knows_stays() -> None:
    assert in_language("Nobody has ever said this.", "de") == "Nobody has ever said this."


def test_sentences_within_sentences_are_translated() -> None:
    inner = "steps is 999; expected a whole number from 1 to 150."
    said = in_language(f"The recipe in this picture cannot be used: {inner}", "de")
    assert said.endswith("Schritte ist 999; erwartet: eine ganze Zahl von 1 bis 150.")


def test_the_longest_message_is_translated_at_once() -> None:
    """Values come from strangers; no text may make the patterns search for ever."""
    message = f"field is {'; expected ' * 5000}; expected nothing."
    assert in_language(message, "de")


def test_what_of_a_recipe_could_not_be_read_is_said_in_the_page_s_language() -> None:
    """It stands among what other programs say, which stays as they say it."""
    lost = ("model: v1-5", "FreeU", "InvokeAI: The recipe in this picture is damaged (KeyError).")
    request = TextToImage(prompt="x", pack="p", width=64, height=64)
    told = _told(Reading("ComfyUI", "", request, lost), "de")
    assert told["lost"] == ["model: v1-5", "FreeU", "InvokeAI: Das Rezept in diesem Bild ist beschädigt (KeyError)."]
