"""The "parameters" text is found whatever stands behind or around its settings. Programs, sites and people add line
breaks, templates and spaces, or take them out; each of these once turned the whole text into a prompt."""

from __future__ import annotations

import time

import pytest

from studio.errors import NoRecipe
from studio.gallery.parameters import read_infotext
from tests.gallery.foreign.files import png, read, with_exif, with_piexif

PROMPT, NEGATIVE = "a red fox, (fur:1.2)", "blurry, bad"
SETTINGS = "Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 123, Size: 512x768, Model: v1-5"
TEXT = f"{PROMPT}\nNegative prompt: {NEGATIVE}\n{SETTINGS}"
PIPED = (
    f"{PROMPT}\nNegative prompt: {NEGATIVE}\nSteps: 30 | Sampler: DPM++ 2M Karras | CFG scale: 6.5 | Seed: 123 | "
    'Size: 512x768 | Parser: Full parser | Model: v1-5 | Comment: "a, b | c: d" | App: SD.Next | Version: 1a2b3c4'
)

AROUND = {
    "as it is written": TEXT,
    "a final newline": TEXT + "\n",
    "final newlines and spaces": TEXT + " \n \n\t\n",
    "a null behind": TEXT + "\0",
    "a byte order mark": "\ufeff" + TEXT,
    "CRLF": TEXT.replace("\n", "\r\n") + "\r\n",
    "CR": TEXT.replace("\n", "\r"),
    "spaces before each line": TEXT.replace("\n", "\n  "),
    "an empty line before the settings": f"{PROMPT}\nNegative prompt: {NEGATIVE}\n\n{SETTINGS}",
    "a final comma": TEXT + ", ",
    "a template": TEXT + "\nTemplate: a {red|blue} fox, size: {x}, fur: y, aa: b",
    "templates": TEXT + "\nTemplate: a {red|blue} fox\nwith, aa: b, cc: d, ee: f\n\nNegative Template: {blurry|bad}\n",
    "a text of no kind": TEXT + "\nmade by hand",
    "one line": TEXT.replace("\n", " "),
    "one line with commas": f"{PROMPT}, Negative prompt: {NEGATIVE}, {SETTINGS}".replace(", Negative", " Negative"),
    "settings behind the negative prompt": f"{PROMPT}\nNegative prompt: {NEGATIVE} {SETTINGS}",
    "pipes": PIPED,
    "pipes and CRLF": PIPED.replace("\n", "\r\n") + "\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", AROUND)
def test_the_settings_are_found(name: str) -> None:
    reading, request = read(png(parameters=AROUND[name]))
    assert (request.prompt, request.negative) == (PROMPT, NEGATIVE)
    assert (request.steps, request.sampler, request.guidance) == (30, "DPM++ 2M Karras", 6.5)
    assert (request.seed, request.width, request.height) == (123, 512, 768)
    assert "model: v1-5" in reading.lost


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        (SETTINGS, ""),
        (f"Negative prompt: bad\n{SETTINGS}", ""),
        (f"{PROMPT}\n{SETTINGS}", PROMPT),
        (f"{PROMPT} {SETTINGS}", PROMPT),
        (f"a fox,\nin the snow. {SETTINGS}", "a fox,\nin the snow."),
        (f"Steps: 20, Sampler: Euler, CFG scale: 7\n{SETTINGS}", "Steps: 20, Sampler: Euler, CFG scale: 7"),
        (f"\n\n{SETTINGS}", ""),
    ],
)
def test_prompts_that_look_otherwise(text: str, prompt: str) -> None:
    told = read_infotext(text)
    assert (told.prompt.strip("\n"), told.settings["Seed"], told.settings["Steps"]) == (prompt, "123", "30")


def test_what_stands_behind_the_settings_is_named() -> None:
    lost = read(png(parameters=AROUND["templates"]))[0].lost
    assert "Template: a {red|blue} fox\nwith, aa: b, cc: d, ee: f" in lost
    assert "Negative Template: {blurry|bad}" in lost
    assert "Text: made by hand" in read(png(parameters=AROUND["a text of no kind"]))[0].lost


def test_pipes_part_what_commas_part_elsewhere() -> None:
    reading = read(png(parameters=PIPED))[0]
    assert reading.program == "SD.Next"
    assert {"Parser: Full parser", "Comment: a, b | c: d"} <= set(reading.lost)
    assert read_infotext("x\nSteps: 20, Sampler: a | b, Seed: 1").settings["Sampler"] == "a | b"


@pytest.mark.parametrize("text", ["a fox", "a fox: red\nblue: a, green: b, grey: c", "aa: 1, bb: 2, cc: 3", ""])
def test_a_prompt_alone_has_no_settings(text: str) -> None:
    assert read_infotext(text).settings == {}
    with pytest.raises(NoRecipe, match="carries no recipe"):
        read(png(parameters=text))


def test_the_sampler_in_one_with_its_schedule_and_the_schedule_beside_it() -> None:
    """Fooocus says "DPM++ 2M SDE Karras" and "karras"; some sites say "Automatic" beside it."""
    for schedule in ("Scheduler: karras", "Schedule type: Automatic", "Schedule type: Karras"):
        text = f"x\nSteps: 20, Sampler: DPM++ 2M SDE Karras, {schedule}, CFG scale: 7, Seed: 1, Size: 512x512"
        assert read(png(parameters=text))[1].sampler == "DPM++ 2M SDE Karras"


UNICODE = b"UNICODE\0"
WRITTEN = {
    "UTF-16, big-endian": lambda text: UNICODE + text.encode("utf-16-be"),
    "UTF-16, little-endian": lambda text: UNICODE + text.encode("utf-16-le"),
    "a mark and UTF-16, little-endian": lambda text: UNICODE + b"\xff\xfe" + text.encode("utf-16-le"),
    "a mark and UTF-16, big-endian": lambda text: UNICODE + b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-8 behind UNICODE": lambda text: UNICODE + text.encode(),
    "a mark and UTF-8 behind UNICODE": lambda text: UNICODE + b"\xef\xbb\xbf" + text.encode(),
    "UTF-16 with nulls behind": lambda text: UNICODE + text.encode("utf-16-le") + b"\0\0",
    "ASCII": lambda text: b"ASCII\0\0\0" + text.encode(),
    "of no kind": lambda text: b"\0" * 8 + text.encode(),
    "JIS, so it says": lambda text: b"JIS\0\0\0\0\0" + text.encode(),
    "no kind at all": lambda text: text.encode(),
    "a mark alone and UTF-16": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "a mark alone and UTF-8": lambda text: b"\xef\xbb\xbf" + text.encode(),
}


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("prompt", ["a red fox", "夜晚海边的红房子，下着雨", "ein Fuchs, größer 🦊"])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_comment_is_read_however_it_is_written(name: str, prompt: str, kind: str) -> None:
    comment = WRITTEN[name](f"{prompt}\nNegative prompt: 模糊\n{SETTINGS}")
    for file in (with_exif(kind, {}, {0x9286: comment}), with_piexif(kind, comment)):
        request = read(file)[1]
        assert (request.prompt, request.negative, request.seed) == (prompt, "模糊", 123)


HOSTILE = {
    "lines of nothing": "\n" * 190_000,
    "lines that go on": f"{SETTINGS}\n" + "a\n" * 95_000,
    "lines of settings": "Steps: 1, Seed: 2, aa: b\n" * 7_000,
    "lines that begin otherwise": "aa Steps: 1\n" * 15_000,
    "one line of beginnings": "Steps: 1 " * 20_000,
    "a line of no settings and beginnings": "Steps: " * 25_000,
    "pipes": "Steps: 1 | " * 18_000,
    "pipes and quotes": 'aa: " | ' * 24_000,
    "brackets": "Template: " + "[" * 180_000,
    "spaces": "Steps:" + " " * 190_000,
    "negative prompts": "Negative prompt: a Steps: 1\n" * 7_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_takes_more_than_one_pass(name: str) -> None:
    began = time.process_time()
    read_infotext(HOSTILE[name])
    assert time.process_time() - began < 1.5, "0.2 s is the aim of the processor, with room for a slow one"
