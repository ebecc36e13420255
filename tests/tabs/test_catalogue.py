"""Whatever can go wrong is said in every language of the page. The messages are found in the source: a new one that
nobody has translated fails here, and so does a translation of what is not said any more."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import studio.errors
from studio.errors import BadPicture, InvalidRequest, NoRecipe, PackError
from studio.gallery.foreign import Reading
from studio.images.opening import open_picture
from studio.message import Clause, Message
from studio.requests.interpolate import Interpolate
from studio.requests.text_to_image import TextToImage
from studio.sampling.catalogue import SAMPLERS
from tabs.locale.catalogue import ENGLISH, LANGUAGES, in_language, read_catalogue
from tabs.routes.exports import _told

ROOT = Path(__file__).parents[2]
CARRIERS = {name for name, kind in vars(studio.errors).items() if isinstance(kind, type)} | {"_Refused"}
TEMPLATE = {"InvalidRequest": 2, "_Refused": 1}  # which argument it is; of all others the first
NO_PARAMETER = {("QueueFull", "seconds")}
COMMAND_LINE_ONLY = ("studio/cli/", "studio/settings.py")
FILES = [*ROOT.glob("studio/**/*.py"), *ROOT.glob("tabs/**/*.py")]
PLACE = re.compile(r"\{(\w+)\}")
OTHERS = [language for language in LANGUAGES if language != ENGLISH]


@dataclass(frozen=True)
class Use:
    """A template in the source; ``names`` of the parameters beside it, None where they are not written out."""

    where: str
    template: str
    names: frozenset[str] | None


def _uses() -> tuple[list[Use], list[str]]:
    """The templates, and where one is put together by the program, which no catalogue can know."""
    found, wrong = [], []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and (name := _name(node.func)) in CARRIERS:
                where = f"{file.relative_to(ROOT)}:{node.lineno}"
                named = None if None in (each.arg for each in node.keywords) else frozenset(_parameters(name, node))
                for each in _alternatives(node.args[TEMPLATE.get(name, 0) :][:1]):
                    if isinstance(each, ast.Constant):
                        found.append(Use(where, str(each.value), named))
                    elif isinstance(each, (ast.JoinedStr, ast.BinOp)):
                        wrong.append(where)
    return found, wrong


def _name(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]


def _parameters(name: str, call: ast.Call) -> list[str]:
    return [str(each.arg) for each in call.keywords if (name, each.arg) not in NO_PARAMETER]


def _alternatives(nodes: list[ast.expr]) -> list[ast.expr]:
    """What may stand in an expression's place: both sides of "a if b else c", and of "a or b"."""
    found = []
    for node in nodes:
        match node:
            case ast.IfExp():
                found += _alternatives([node.body, node.orelse])
            case ast.BoolOp():
                found += _alternatives(node.values)
            case _:
                found.append(node)
    return found


USES, PUT_TOGETHER = _uses()
SAID = {use.template for use in USES} | {sampler.description for sampler in SAMPLERS.values()}


def _is_words(template: str) -> bool:
    """Whether there is anything to translate beside what stands in it."""
    return re.search(r"[a-z]{2}", PLACE.sub("", template)) is not None


def test_messages_are_found_and_written_out() -> None:
    assert len(USES) > 200
    assert not PUT_TOGETHER, "a template is written out, and what stands in it is given by name"


@pytest.mark.parametrize("use", USES, ids=[use.where for use in USES])
def test_what_stands_in_a_message_is_what_its_template_names(use: Use) -> None:
    """A parameter that is missing would fail when the message is said, long after nobody looks any more."""
    if use.names is not None:
        assert use.names == set(PLACE.findall(use.template))


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated(language: str) -> None:
    said = {use.template: use.where for use in USES if not use.where.startswith(COMMAND_LINE_ONLY)}
    untranslated = {
        template: where
        for template, where in said.items()
        if _is_words(template) and not read_catalogue(language).get(template, "").strip()
    }
    assert not untranslated, f"translate in tabs/locale/{language}.po"


@pytest.mark.parametrize("language", OTHERS)
def test_every_translation_is_of_something_that_is_said(language: str) -> None:
    unused = set(read_catalogue(language)) - set(read_catalogue(ENGLISH)) - SAID
    assert not unused, f"nobody says these any more; take them out of tabs/locale/{language}.po"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_places_of_their_templates(language: str) -> None:
    keys = read_catalogue(ENGLISH)
    for template, text in read_catalogue(language).items():
        english = keys.get(template, template)
        assert sorted(set(PLACE.findall(text))) == sorted(set(PLACE.findall(english))), template


def test_a_field_and_what_was_expected_are_translated_and_what_was_typed_is_not() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        TextToImage(prompt="x", pack="p", width=65, height=64)
    assert in_language(refusal.value.message, "de") == "Breite ist 65; erwartet: ein Vielfaches von 8 von 64 bis 2048."
    assert in_language(refusal.value.message, "en") == "width is 65; expected a multiple of 8 from 64 to 2048."
    strange = InvalidRequest("sampler", "a; {expected} text.", "text")
    assert in_language(strange.message, "zh") == "采样器为 'a; {expected} text.'；应为文字。"
    braces = InvalidRequest("{0.__class__}", "{value}", "text")  # a field of a request from outside
    assert in_language(braces.message, "de") == "{0.__class__} ist '{value}'; erwartet: Text."


def test_what_else_a_file_is_is_said_in_every_language() -> None:
    with pytest.raises(BadPicture) as refusal:
        open_picture(b"plain words")
    assert in_language(refusal.value.message, "de").startswith("Die Datei ist Text; erwartet wurde")


def test_what_is_missing_is_said_to_be() -> None:
    """Whoever had one picture left over in an interpolation read "other is None"."""
    with pytest.raises(InvalidRequest) as refusal:
        Interpolate(image="0" * 64, pack="p", width=64, height=64)
    message = refusal.value.message
    assert str(message).startswith("other is missing; expected a picture at both ends, or none: ")
    assert in_language(message, "de").startswith("Zweites Bild fehlt; erwartet: ein Bild an beiden Enden")
    assert in_language(message, "zh").startswith("缺少第二张图片；应为两端都有图片")
    typed = InvalidRequest("sampler", "missing", "text")
    assert in_language(typed.message, "de") == "Sampler ist 'missing'; erwartet: Text."


def test_a_sentence_that_nobody_knows_stays() -> None:
    assert in_language(Message("Nobody has ever said this."), "de") == "Nobody has ever said this."


def test_sentences_within_sentences_are_translated() -> None:
    inner = InvalidRequest("steps", 999, "a whole number from {least} to {most}", least=1, most=150)
    error = NoRecipe("The recipe in this picture cannot be used: {error}", error=inner.message)
    assert in_language(error.message, "de").endswith("Schritte ist 999; erwartet: eine ganze Zahl von 1 bis 150.")


def test_why_a_lora_does_not_fit_is_said_without_its_full_stop() -> None:
    reason = Clause.of(PackError("{file} holds no LoRA.", file="fur").message)
    error = InvalidRequest("lora", "fur", "a LoRA for this pack's models ({reason})", reason=reason)
    assert str(error).endswith("(fur holds no LoRA).")
    assert in_language(error.message, "zh").endswith("（fur 不含 LoRA）。")


def test_what_of_a_recipe_could_not_be_read_is_said_in_the_page_s_language() -> None:
    """It stands among what other programs say, which stays as they say it."""
    damaged = Message("The recipe in this picture is damaged ({kind}).", kind="KeyError")
    lost = ("model: sound", "FreeU", Message("{program}: {error}", program="InvokeAI", error=damaged))
    request = TextToImage(prompt="x", pack="p", width=64, height=64)
    told = _told(Reading("ComfyUI", "", request, lost), "de")
    assert told["lost"] == ["model: sound", "FreeU", "InvokeAI: Das Rezept in diesem Bild ist beschädigt (KeyError)."]
