"""``python -m studio samplers``: lists them."""

from __future__ import annotations

import argparse

from studio.cli import Commands
from studio.sampling.catalogue import SAMPLERS
from studio.settings import Settings


def add(commands: Commands) -> None:
    commands.add_parser("samplers", help="list the samplers").set_defaults(command=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    for sampler in SAMPLERS.values():
        note = " (distilled models only)" if sampler.distilled else ""
        note += f" ({sampler.fewest('')} steps or more)" if sampler.fewest("") > 1 else ""
        print(
            f"{sampler.name}\t{sampler.calls} model call{'s' * (sampler.calls > 1)} a step\t{sampler.description}{note}"
        )
    return 0
