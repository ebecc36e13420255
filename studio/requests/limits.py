"""The limits of what can be asked for, and the checks that hold a field to them: each raises `InvalidRequest`."""

from __future__ import annotations

import re

from studio.errors import InvalidRequest

LARGEST_SEED = 2**63 - 1
RANDOM_SEEDS = 2**32  # a random seed is below this, short enough to be read out
SMALLEST_SIDE, LARGEST_SIDE, SIDE_MULTIPLE = 64, 2048, 8
CASCADE_SCALE = 4  # of the second stage of a picture that is drawn in two
MOST_PICTURES = 16
LONGEST_PROMPT = 2000
LEAST_GUIDANCE, MOST_GUIDANCE = 1.0, 30.0
SMALLEST_PHOTO, LARGEST_PHOTO = 16, 8192  # sides of pictures that people bring, in pixels
DIGEST = re.compile(r"[0-9a-f]{64}")
LEAST_STRENGTH = 0.05
MOST_SKIPPED = 11  # layers of a text encoder
PRECISIONS = EXACT, FAST = "exact", "fast"  # see `studio.models.acceleration.precision`


def check_text(field: str, value: object, longest: int = LONGEST_PROMPT) -> None:
    if not isinstance(value, str):
        raise InvalidRequest(field, value, "text")
    if len(value) > longest:
        raise InvalidRequest(field, value, "at most {most} characters, not {count}", most=longest, count=len(value))
    if "\0" in value or any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise InvalidRequest(field, value, "text without null characters and broken surrogates")


def check_digest(field: str, value: object) -> None:
    if not isinstance(value, str) or not DIGEST.fullmatch(value):
        raise InvalidRequest(field, value, "64 hexadecimal digits, the SHA-256 of an image")


def check_flag(field: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidRequest(field, value, "true or false")


def check_integer(field: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRequest(field, value, "a whole number from {least} to {most}", least=least, most=most)


def check_number(field: str, value: object, least: float, most: float) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:  # type: ignore[operator] # which nan and infinity are not, either
        raise InvalidRequest(field, value, "a number from {least} to {most}", least=f"{least:g}", most=f"{most:g}")


def check_multiple(field: str, value: object, least: int, most: int, multiple: int) -> None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not least <= value <= most or value % multiple:  # type: ignore[operator]
        raise InvalidRequest(
            field, value, "a multiple of {multiple} from {least} to {most}", multiple=multiple, least=least, most=most
        )


def evenly_between(begin: float, end: float, count: int) -> tuple[float, ...]:
    """``count`` numbers from ``begin`` to ``end``; a single one is ``begin``."""
    return tuple(begin + (end - begin) * index / max(1, count - 1) for index in range(count))
