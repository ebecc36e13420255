"""``python -m studio packs``: lists them."""

from __future__ import annotations

import argparse

from studio.cli import Commands
from studio.models.catalogue import PACKS
from studio.settings import Settings


def add(commands: Commands) -> None:
    commands.add_parser("packs", help="list the packs").set_defaults(command=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    for pack in PACKS.values():
        print(f"{pack.name}\t{pack.title}\t{pack.size} px\t{pack.source}")
    return 0
