"""The nearest request of ours to what another program says of a picture, one field at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from studio.errors import InvalidRequest
from studio.gallery.foreign.facts import Facts
from studio.gallery.parameters import sampler_named
from studio.message import Message
from studio.models.catalogue import PackInfo
from studio.requests.limits import SIDE_MULTIPLE
from studio.requests.request import Request
from studio.requests.text_to_image import TextToImage
from studio.sampling.catalogue import find_sampler

LONGEST_FACT = 4000  # characters that are shown of anything
LONGEST_SHORT = 160  # characters of one thing that is named
MOST_OTHERS = 40
CFG_PP = "_cfg_pp"  # behind a sampler's name: another way to guide

# Short names of k-diffusion and diffusers, as ComfyUI, Fooocus, SwarmUI and InvokeAI use them, by AUTOMATIC1111's.
SHORT_NAMES: Mapping[str, str] = {
    "euler": "Euler", "euler_ancestral": "Euler a", "euler_a": "Euler a", "heun": "Heun", "dpm_2": "DPM2",
    "kdpm_2": "DPM2", "dpm_2_ancestral": "DPM2 a", "dpm_2_a": "DPM2 a", "kdpm_2_a": "DPM2 a", "lms": "LMS",
    "plms": "PLMS", "dpmpp_2m": "DPM++ 2M", "dpmpp_2": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE", "dpmpp_2m_sde_gpu": "DPM++ 2M SDE", "dpmpp_3m_sde": "DPM++ 3M SDE",
    "dpmpp_3m_sde_gpu": "DPM++ 3M SDE", "dpmpp_3m": "DPM++ 3M SDE", "dpmpp_2s": "DPM++ 2S", "uni_pc": "UniPC",
    "uni_pc_bh2": "UniPC", "unipc": "UniPC", "deis": "DEIS", "ddim": "DDIM", "ddpm": "DDPM", "pndm": "PLMS",
    "lcm": "LCM", "tcd": "TCD", "sa_solver": "SA Solver",
}  # fmt: skip
SHORT_SCHEDULES: Mapping[str, str] = {
    "karras": "Karras", "exponential": "Exponential", "beta": "Beta", "sgm_uniform": "SGM Uniform",
    "normal": "Uniform", "simple": "SGM Uniform", "ddim_uniform": "Automatic", "": "Automatic",
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """A picture's recipe: who wrote it, what it says, the request that is nearest to it here, and what of it that
    request lacks."""

    program: str
    text: str
    request: Request
    lost: tuple[str | Message, ...] = ()


def as_request(facts: Facts, packs: Sequence[PackInfo]) -> Reading:
    """The nearest that can be asked for here. Never fails: what cannot be taken over is named."""
    lost: list[str] = []
    pack = next((each for each in packs if facts.model.casefold() in (each.name, each.title.casefold())), None)
    if pack is None and facts.model:
        lost.append(f"model: {short(facts.model)}")
    pack = pack or packs[0]
    request = TextToImage(
        prompt="", pack=pack.name, width=pack.size, height=pack.size, guidance=pack.guidance, steps=pack.steps,
        sampler=pack.sampler, schedule=pack.schedule,
    )  # fmt: skip

    def take(name: str, text: str, changes: Callable[[], dict[str, Any]]) -> None:
        nonlocal request
        if text:
            try:
                request = replace(request, **changes())
            except (InvalidRequest, ValueError, OverflowError):
                lost.append(f"{name}: {short(text)}")

    take("prompt", facts.prompt, lambda: {"prompt": facts.prompt})
    take("negative", facts.negative, lambda: {"negative": facts.negative})
    take("seed", facts.seed, lambda: {"seed": _whole(facts.seed)})
    take("sampler", facts.sampler, lambda: _sampling(facts, "Automatic"))
    if facts.schedule:
        take("schedule", facts.schedule, lambda: _sampling(facts, _schedule(facts.schedule)))
    take("steps", facts.steps, lambda: {"steps": _whole(facts.steps)})
    if request.schedule not in ("", *find_sampler(request.sampler).offered):
        lost.append(f"schedule: {short(facts.schedule)}")
        request = replace(request, schedule="")
    if request.steps < request.fewest_steps:  # with this sampler and schedule; the nearest that is good
        lost.append(f"steps: {request.steps}")
        request = replace(request, steps=request.fewest_steps)
    take("guidance", facts.guidance, lambda: {"guidance": _guidance(facts.guidance)})
    size = f"{facts.width}x{facts.height}" if facts.width and facts.height else ""
    take("size", size, lambda: {"width": _side(facts.width), "height": _side(facts.height)})
    if size and f"{request.width}x{request.height}" != size and f"size: {size}" not in lost:
        lost.append(f"size: {size}")
    if facts.sampler.casefold().endswith(CFG_PP) and not any(each.startswith("sampler: ") for each in lost):
        lost.append(f"sampler: {short(facts.sampler)}")
    lost += [f"{key}: {short(value)}" if value else key for key, value in list(facts.other.items())[:MOST_OTHERS]]
    if len(facts.other) > MOST_OTHERS:
        lost.append(f"... (+{len(facts.other) - MOST_OTHERS})")
    return Reading(facts.program, _shown(facts), request, tuple(lost))


def _sampling(facts: Facts, schedule: str) -> dict[str, str]:
    """Raises `InvalidRequest` for a sampler, or a schedule of it, that is not here."""
    short = facts.sampler.casefold().removeprefix("k_").removesuffix(CFG_PP)
    if short.endswith("_k") and short.removesuffix("_k") in SHORT_NAMES:
        short, schedule = short.removesuffix("_k"), "Karras"
    sampler, schedule = sampler_named(SHORT_NAMES.get(short, facts.sampler), schedule)
    return {"sampler": sampler, "schedule": schedule}


def _schedule(text: str) -> str:
    return SHORT_SCHEDULES.get(text.casefold(), text)


def _whole(text: str) -> int:
    return int(text) if re.fullmatch(r"-?\d{1,20}", text) else int(float(text))


def _guidance(text: str) -> float:
    """Elsewhere 0 is no guidance, too."""
    scale = float(text)
    return 1.0 if 0 <= scale < 1 else scale


def _side(text: str) -> int:
    return round(_whole(text) / SIDE_MULTIPLE) * SIDE_MULTIPLE


def _shown(facts: Facts) -> str:
    """As people know it: prompt, negative prompt, a line of settings."""
    settings = {
        "Steps": facts.steps, "Sampler": facts.sampler, "Schedule type": facts.schedule, "CFG scale": facts.guidance,
        "Seed": facts.seed, "Size": f"{facts.width}x{facts.height}" if facts.width else "", "Model": facts.model,
        **facts.other,
    }  # fmt: skip
    line = ", ".join(f"{key}: {short(value)}" for key, value in list(settings.items())[:MOST_OTHERS] if value)
    negative = [f"Negative prompt: {facts.negative}"] if facts.negative else []
    return "\n".join([facts.prompt, *negative, line])[:LONGEST_FACT]


def short(value: str) -> str:
    """As long as can be shown among others."""
    return value if len(value) <= LONGEST_SHORT else f"{value[: LONGEST_SHORT - 3]}..."
