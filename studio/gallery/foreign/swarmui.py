"""SwarmUI: JSON in place of the "parameters" text."""

from __future__ import annotations

from collections.abc import Mapping

from studio.gallery.containers import TEXT_KEY
from studio.gallery.foreign.facts import Facts, facts_of, mapping, parsed

NAMES = {
    "prompt": "prompt", "negativeprompt": "negative", "seed": "seed", "steps": "steps", "sampler": "sampler",
    "scheduler": "schedule", "cfgscale": "guidance", "width": "width", "height": "height", "model": "model",
}  # fmt: skip


def read(texts: Mapping[str, str]) -> Facts | None:
    if '"sui_image_params"' not in texts.get(TEXT_KEY, ""):
        return None
    settings = mapping(mapping(parsed(texts[TEXT_KEY]))["sui_image_params"])
    return facts_of("SwarmUI", settings, NAMES, ignored=("swarm_version", "aspectratio", "date"))
