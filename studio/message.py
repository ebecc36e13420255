"""What is said to a person: an English sentence, and what it is made of, so that a page can say it in its language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Parameter: TypeAlias = "str | int | float | Message"


@dataclass(frozen=True, init=False)
class Message:
    """``template`` is English and what catalogues of other languages know the sentence by, as in gettext. Its
    ``{names}`` stand for ``parameters``: messages, or what stays the same in every language. A template without
    parameters is taken as it is, braces and all.

    ``str(message)`` is the English sentence.
    """

    template: str
    parameters: Mapping[str, Parameter]

    def __init__(self, template: str, /, **parameters: Parameter) -> None:
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "parameters", parameters)

    def render(self, translate: Callable[[str], str]) -> str:
        """The sentence by the templates, its own and those of the messages in it, that ``translate`` gives for the
        English ones."""
        template = translate(self.template)
        if not self.parameters:
            return template
        return template.format_map(
            {
                name: value.render(translate) if isinstance(value, Message) else value
                for name, value in self.parameters.items()
            }
        )

    def __str__(self) -> str:
        return self.render(lambda template: template)


class Clause(Message):
    """A sentence that stands within another: without its full stop."""

    @classmethod
    def of(cls, message: Message) -> Clause:
        return cls(message.template, **message.parameters)

    def render(self, translate: Callable[[str], str]) -> str:
        return super().render(translate).rstrip(".。")


def as_message(message: str | Message, parameters: Mapping[str, Parameter]) -> Message:
    """``message`` itself, or the one of that template."""
    return message if isinstance(message, Message) else Message(message, **parameters)
