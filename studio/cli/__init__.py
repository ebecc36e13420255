"""The command line: ``python -m studio COMMAND``. One file a command; dropping one in here is its registration.

A command's file offers ``add(commands)``, which adds its parser and sets ``command`` to what runs it, a function of
what was given and the settings that returns the exit code.

A request outside its limits ends with exit code 2 and one line; a job that fails, with exit code 1.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeAlias

from studio.errors import BadPicture, InvalidRequest, PackError, StudioError
from studio.settings import Settings, read_settings

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace, Settings], int] = options.command
    try:
        return command(options, read_settings(os.environ))
    except (InvalidRequest, BadPicture, PackError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except StudioError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{parser.prog}: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other error here."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m studio", description="Latent Studio on the command line.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for file in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{file.name}")
        if hasattr(module, "add"):
            module.add(commands)
    return parser
