"""The log: one line for each thing that happened, as text for people, or as JSON for programs that collect logs.

What a line says beside its sentence is a field: ``logger.info("a job is taken", extra={"job": name})``. Nothing that
people write is in it, unless STUDIO_LOG_PROMPTS asks for that.
"""

from __future__ import annotations

import json
import logging

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

FORMS = ("text", "json")
OURS = ("studio", "tabs")  # of these, all that is worth knowing; of others, what went wrong
LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class TextFormatter(logging.Formatter):
    """A line with its fields behind it, as ``name=value``. What somebody has sent cannot begin a line of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in record.__dict__.items() if name not in RESERVED_ATTRS}
        line = super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")
        return " ".join([line, *(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())])


def write_log(form: str) -> None:
    """Lets everything that this process says from now on be written to its standard error, in one of `FORMS`."""
    handler = logging.StreamHandler()
    renamed = {"asctime": "time", "levelname": "level", "name": "logger"}
    handler.setFormatter(
        JsonFormatter(LINE, rename_fields=renamed, json_ensure_ascii=False) if form == "json" else TextFormatter(LINE)
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
