"""Fooocus' own scheme: JSON in place of the "parameters" text. Its other scheme, "a1111", is read as infotext."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from studio.gallery.containers import MAKER_KEY, TEXT_KEY
from studio.gallery.foreign.facts import Facts, facts_of, mapping, parsed

SCHEME_KEY = "fooocus_scheme"
NAMES = {
    "prompt": "prompt", "negative_prompt": "negative", "seed": "seed", "steps": "steps", "sampler": "sampler",
    "scheduler": "schedule", "guidance_scale": "guidance", "base_model": "model",
}  # fmt: skip
IGNORED = ("resolution", "metadata_scheme", "version", "created_by")


def read(texts: Mapping[str, str]) -> Facts | None:
    text = texts.get(TEXT_KEY, "")
    if scheme_of(texts) != "fooocus" and not ('"base_model"' in text and '"adm_guidance"' in text):
        return None
    settings = mapping(parsed(text))
    expanded = [name for name in ("prompt", "negative_prompt") if settings.get(f"full_{name}") == [settings.get(name)]]
    facts = facts_of("Fooocus", settings, NAMES, (*IGNORED, *(f"full_{name}" for name in expanded), "loras"))
    facts = replace(facts, other={**_loras(settings), **facts.other})
    size = re.fullmatch(r"\(?\s*'?(\d{1,6})\D{1,5}(\d{1,6})'?\s*\)?", str(settings.get("resolution", "")))
    return replace(facts, width=size[1], height=size[2]) if size else facts


def scheme_of(texts: Mapping[str, str]) -> str:
    """Which of its two the file says it is written by; empty where it says nothing."""
    return (texts.get(SCHEME_KEY) or texts.get(MAKER_KEY, "")).strip("\0 ")


def _loras(settings: Mapping[str, Any]) -> dict[str, str]:
    """From the list of names, weights and hashes, where they are not told one by one as well."""
    if any(key.startswith("lora_combined_") for key in settings) or not isinstance(settings.get("loras"), list):
        return {}
    loras = [lora for lora in settings["loras"] if isinstance(lora, list) and len(lora) >= 2]
    return {"loras": ", ".join(f"{name} {weight}" for name, weight, *_ in loras)} if loras else {}
