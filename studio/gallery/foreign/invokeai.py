"""InvokeAI: JSON of its own since version 3, ``sd-metadata`` and the command line ``Dream`` before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from studio.gallery.foreign.facts import Facts, facts_of, mapping, parsed, plain

KEY, OLDER_KEY, OLDEST_KEY = "invokeai_metadata", "sd-metadata", "Dream"
NAMES = {
    "positive_prompt": "prompt", "negative_prompt": "negative", "seed": "seed", "steps": "steps",
    "scheduler": "sampler", "cfg_scale": "guidance", "width": "width", "height": "height",
}  # fmt: skip
IGNORED = ("app_version", "model", "loras", "rand_device", "generation_mode")
PLAIN_MODES = ("txt2img", "sdxl_txt2img")
OLDER_NAMES = {
    "seed": "seed", "steps": "steps", "sampler": "sampler", "cfg_scale": "guidance", "width": "width",
    "height": "height",
}  # fmt: skip
OPTIONS = {"s": "steps", "S": "seed", "W": "width", "H": "height", "C": "guidance", "A": "sampler"}
OPTION = re.compile(r"(?:^|\s)-(\w)\s?([^\s-]\S*)")
BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def read(texts: Mapping[str, str]) -> Facts | None:
    if KEY not in texts:
        return None
    metadata = mapping(parsed(texts[KEY]))
    facts = facts_of("InvokeAI", metadata, NAMES, IGNORED)
    other = dict(facts.other)
    if metadata.get("loras"):
        other = {"loras": _loras(metadata["loras"]), **other}
    if metadata.get("generation_mode", "txt2img") not in PLAIN_MODES:
        other["generation_mode"] = plain(metadata["generation_mode"])
    return replace(facts, model=_name(metadata.get("model")), other=other)


def read_older(texts: Mapping[str, str]) -> Facts | None:
    """Version 2."""
    if OLDER_KEY not in texts:
        return None
    metadata = mapping(parsed(texts[OLDER_KEY]))
    image = mapping(metadata["image"])
    prompt = image.get("prompt", "")
    parts = [part if isinstance(part, dict) else {"prompt": part} for part in prompt] \
        if isinstance(prompt, list) else [{"prompt": prompt}]  # fmt: skip
    ignored = ("prompt", *(("type",) if image.get("type") == "txt2img" else ()))
    facts = facts_of("InvokeAI", image, OLDER_NAMES, ignored)
    weights = [part.get("weight", 1) for part in parts]
    other = {**facts.other, **({} if all(weight == 1 for weight in weights) else {"weights": plain(weights)})}
    wanted, avoided = _parted(", ".join(str(part.get("prompt", "")) for part in parts))
    return replace(
        facts, prompt=wanted, negative=avoided, model=plain(metadata.get("model_weights") or ""), other=other
    )


def read_oldest(texts: Mapping[str, str]) -> Facts | None:
    """Version 1: the prompt in quotes, and options behind it."""
    if OLDEST_KEY not in texts or not (line := texts[OLDEST_KEY].strip()).startswith('"'):
        return None
    prompt, _, options = line[1:].rpartition('"')
    found = OPTION.findall(options)
    wanted, avoided = _parted(prompt)
    own = {OPTIONS[letter]: value for letter, value in found if letter in OPTIONS}
    other = {f"-{letter}": value for letter, value in found if letter not in OPTIONS}
    return Facts("InvokeAI", wanted, avoided, **own, other=other)


def _parted(prompt: str) -> tuple[str, str]:
    """What is wanted, and what stands in brackets, which is avoided."""
    return BRACKETS.sub("", prompt).strip(), " ".join(BRACKETS.findall(prompt)).strip()


def _loras(metadata: Any) -> str:
    """Names and weights; as they stand where they are not as expected."""
    if not isinstance(metadata, list) or not all(isinstance(lora, dict) for lora in metadata):
        return plain(metadata)
    return ", ".join(
        f"{_name(lora.get('model') or lora.get('lora')) or '?'} {lora.get('weight', 1)}" for lora in metadata
    )


def _name(model: Any) -> str:
    """Of a model, which is a mapping: by ``name`` since version 4, by ``model_name`` in version 3."""
    if isinstance(model, dict):
        model = model.get("name") or model.get("model_name") or ""
    return plain(model) if model else ""
