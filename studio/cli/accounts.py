"""``python -m studio accounts``: who may come in, where STUDIO_ACCOUNTS names the file.

python -m studio accounts add anna          # asks for a password; also gives a known name another one
python -m studio accounts remove anna
python -m studio accounts list
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from studio.cli import Commands
from studio.errors import AccountError
from studio.hosting.accounts import add_account, read_accounts, remove_account
from studio.settings import Settings

FILE = Path("accounts.json")  # where STUDIO_ACCOUNTS names none


def add(commands: Commands) -> None:
    kinds = commands.add_parser("accounts", help="say who may come in").add_subparsers(required=True, metavar="add|...")
    for name, command in (("add", put), ("remove", remove)):
        parser = kinds.add_parser(name)
        parser.add_argument("name")
        parser.set_defaults(command=command)
    kinds.add_parser("list").set_defaults(command=show)


def put(arguments: argparse.Namespace, settings: Settings) -> int:
    add_account(_file(settings), arguments.name, _password())
    print(f"{arguments.name} may come in where STUDIO_ACCOUNTS={_file(settings)}.")
    return 0


def remove(arguments: argparse.Namespace, settings: Settings) -> int:
    remove_account(_file(settings), arguments.name)
    return 0


def show(arguments: argparse.Namespace, settings: Settings) -> int:
    print("\n".join(read_accounts(_file(settings))))
    return 0


def _file(settings: Settings) -> Path:
    return settings.accounts or FILE


def _password() -> str:
    """Asked for twice at a terminal; the first line of what is piped in otherwise. Never an argument: those are seen by
    everybody on the machine."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise AccountError("The two passwords are not the same.")
    return password
