"""A message is said in any language wherever it ends up, so it must cross processes whole and take nothing that somebody
wrote for a template."""

from __future__ import annotations

import pickle

import pytest

from studio.errors import BadPicture, InvalidRequest, QueueFull, StudioError
from studio.message import Clause, Message

GERMAN = {"The file is {kind}.": "Die Datei ist {kind}.", "a film": "ein Film", "It is {count}.": "Es sind {count}."}


def _german(template: str) -> str:
    return GERMAN.get(template, template)


def test_a_message_is_english_by_itself_and_another_language_by_its_templates() -> None:
    message = Message("The file is {kind}.", kind=Message("a film"))
    assert str(message) == "The file is a film."
    assert message.render(_german) == "Die Datei ist ein Film."


def test_what_stands_in_a_message_is_neither_translated_nor_filled_in() -> None:
    assert Message("The file is {kind}.", kind="a film").render(_german) == "Die Datei ist a film."
    assert str(Message("The file is {kind}.", kind="{kind} {0} {")) == "The file is {kind} {0} {."
    assert str(Message("It is {count}.", count=3)) == "It is 3."


def test_a_template_without_parameters_keeps_its_braces() -> None:
    assert str(Message('a list of {"box": [x0, y0]}')) == 'a list of {"box": [x0, y0]}'


def test_a_clause_is_a_sentence_without_its_full_stop() -> None:
    clause = Clause.of(Message("The file is {kind}.", kind=Message("a film")))
    assert str(Message("It failed ({reason}).", reason=clause)) == "It failed (The file is a film)."
    assert Message("It failed ({reason}).", reason=clause).render(_german) == "It failed (Die Datei ist ein Film)."


@pytest.mark.parametrize(
    "error",
    [
        BadPicture("The file is {kind}.", kind=Message("a film")),
        QueueFull("{count} wait.", count=3, seconds=4.5),
        InvalidRequest("steps", 0, "a whole number from {least} to {most}", least=1, most=150),
        InvalidRequest("prompt", None, Message("text")),
    ],
)
def test_errors_and_their_messages_cross_a_process_border(error: StudioError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert vars(arrived) == vars(error)
    assert str(arrived) == str(error) == str(error.message)


def test_an_error_can_carry_the_message_of_another() -> None:
    error = BadPicture("The file is {kind}.", kind="old")
    assert StudioError(error.message).message is error.message
