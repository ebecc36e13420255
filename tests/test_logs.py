"""One line for each thing that happened, whatever strangers send; what people write is theirs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from studio.errors import InvalidRequest
from tests.running import ROOT

SAYS = """
import logging
from studio.logs import write_log
write_log({form!r})
logger = logging.getLogger("studio.somewhere")
logger.info("a job is %s", "taken", extra={{"job": "abc", "seconds": 1.5}})
logger.info("refused: %s", "x\\n2026 INFO studio: invented")
logging.getLogger("other").info("chatter")
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("a row failed")
"""


def _said(form: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", SAYS.format(form=form)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return run.stderr.splitlines()


def test_people_read_a_line_with_its_fields() -> None:
    first, second, third, *trace = _said("text")
    assert first.endswith('INFO studio.somewhere: a job is taken job="abc" seconds=1.5')
    assert second.endswith("refused: x\\n2026 INFO studio: invented"), "what is sent begins no line of its own"
    assert third.endswith("ERROR studio.somewhere: a row failed")
    assert trace[-1] == "ZeroDivisionError: division by zero"


def test_programs_read_an_object_a_line() -> None:
    first, second, third = (json.loads(line) for line in _said("json"))
    assert {name: first[name] for name in ("level", "logger", "message", "job", "seconds")} == {
        "level": "INFO", "logger": "studio.somewhere", "message": "a job is taken", "job": "abc", "seconds": 1.5,
    }  # fmt: skip
    assert first["time"]
    assert "\n" in second["message"]
    assert "ZeroDivisionError" in third["exc_info"]


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        ("my secret wish", "prompt is a value of kind str; expected words."),
        (["my secret wish"], "prompt is a value of kind list; expected words."),
        (7, "prompt is 7; expected words."),
    ],
)
def test_a_refusal_does_not_quote_people_in_the_log(value: object, logged: str) -> None:
    assert InvalidRequest("prompt", value, "words").logged == logged
