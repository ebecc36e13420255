"""What another program says of a picture, as it says it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from studio.requests.limits import LONGEST_PROMPT

ESSENTIAL = ("prompt", "seed", "steps", "sampler", "guidance", "width")


@dataclass(frozen=True)
class Facts:
    """What a ``program`` says of a picture, as it says it; ``other`` is what has no place of its own here, by its name
    there, empty where the name says it all."""

    program: str
    prompt: str = ""
    negative: str = ""
    seed: str = ""
    steps: str = ""
    sampler: str = ""
    schedule: str = ""
    guidance: str = ""
    width: str = ""
    height: str = ""
    model: str = ""
    other: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> int:
        """How much of what makes a picture again is said."""
        return sum(bool(getattr(self, name)) for name in ESSENTIAL)

    def in_whole_letters(self) -> Facts:
        """Halves of surrogate pairs, which JSON may hold and no file can, become question marks."""

        def mended(text: str) -> str:
            return text.encode("utf-8", "replace").decode()

        texts = {name: mended(value) for name, value in vars(self).items() if isinstance(value, str)}
        return replace(self, **texts, other={mended(key): mended(value) for key, value in self.other.items()})


def facts_of(program: str, settings: Mapping[str, Any], names: Mapping[str, str], ignored: Sequence[str] = ()) -> Facts:
    """Facts by their ``names`` in another program; whatever else it says goes beside, but what is ``ignored``."""
    own = {ours: plain(settings[theirs]) for theirs, ours in names.items() if settings.get(theirs) not in (None, "")}
    other = {
        str(key): plain(value) for key, value in settings.items()
        if key not in names and key not in ignored and value not in (None, "", [], {}, False, 0)
    }  # fmt: skip
    return Facts(program, **own, other=other)


def parsed(text: str) -> Any:
    """JSON, and what Python's writer makes of numbers that are none, as nothing. Raises `ValueError`."""
    return json.loads(text.removeprefix("\ufeff"), parse_constant=lambda _: None)


def mapping(value: Any) -> dict[str, Any]:
    """Raises `TypeError` for what is none."""
    if not isinstance(value, dict):
        raise TypeError
    return value


def plain(value: Any) -> str:
    """As text, and not much longer than anything that can be taken over."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[: LONGEST_PROMPT + 1]
