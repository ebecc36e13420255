"""AUTOMATIC1111's "parameters" text, and what Forge, SD.Next and Fooocus make of it."""

from __future__ import annotations

from collections.abc import Mapping

from studio.gallery.containers import TEXT_KEY
from studio.gallery.foreign.facts import Facts
from studio.gallery.foreign.fooocus import scheme_of
from studio.gallery.parameters import read_infotext

OURS = ("Model hash", "RNG", "Schedule type")  # of no use, or taken from elsewhere
SCHEDULES = ("Karras", "Exponential")  # that versions before 1.9 say in one with the sampler


def read(texts: Mapping[str, str]) -> Facts | None:
    if TEXT_KEY not in texts:
        return None
    parsed = read_infotext(texts[TEXT_KEY])
    settings = dict(parsed.settings)
    if not settings:
        return None
    program = _program(settings.pop("Version", ""), settings.pop("App", ""), scheme_of(texts))
    width, _, height = settings.pop("Size", "").partition("x")
    sampler, schedule = settings.pop("Sampler", ""), settings.pop("Schedule type", settings.pop("Scheduler", ""))
    for name in SCHEDULES:
        if sampler.endswith(f" {name}"):
            sampler = sampler.removesuffix(f" {name}")
            schedule = name if schedule in ("", "Automatic") else schedule
    return Facts(
        program, parsed.prompt, parsed.negative, settings.pop("Seed", ""), settings.pop("Steps", ""), sampler, schedule,
        settings.pop("CFG scale", ""), width, height, settings.pop("Model", settings.pop("Base Model", "")),
        {key: value for key, value in settings.items() if key not in OURS},
    )  # fmt: skip


def _program(version: str, app: str, scheme: str) -> str:
    if version == "Latent Studio":
        return version
    if version.startswith("Fooocus") or scheme in ("fooocus", "a1111"):
        return "Fooocus"
    if version.startswith("ComfyUI"):  # nodes that write as others do
        return "ComfyUI"
    return "Forge" if version.startswith("f") else "SD.Next" if "next" in app.lower() else "AUTOMATIC1111"
