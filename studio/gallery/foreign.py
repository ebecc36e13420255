"""What other programs write of their pictures, and how it is said here.

Each program's file becomes `Facts`, words and numbers as they stand there; `as_request` makes the nearest request of
ours from them, one field at a time, and names what it could not take over.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from studio.errors import InvalidRequest, NoRecipe
from studio.gallery.containers import JSON_KEY, MAKER_KEY, TEXT_KEY, texts_in
from studio.gallery.parameters import read_infotext, sampler_named, to_parameters
from studio.gallery.recipe import Recipe, from_json
from studio.packs.catalogue import PackInfo
from studio.requests.limits import LONGEST_PROMPT, SIDE_MULTIPLE
from studio.requests.request import Request
from studio.requests.text_to_image import TextToImage

LONGEST_FACT = 4000  # characters that are shown of anything
MOST_OTHERS = 40
MOST_NODES, MOST_LINKS = 2000, 200  # of a graph, and how far it is followed

# Short names of k-diffusion and diffusers, as ComfyUI, Fooocus, SwarmUI and InvokeAI use them, by AUTOMATIC1111's.
SHORT_NAMES: Mapping[str, str] = {
    "euler": "Euler", "euler_ancestral": "Euler a", "euler_a": "Euler a", "heun": "Heun", "dpm_2": "DPM2",
    "kdpm_2": "DPM2", "dpm_2_ancestral": "DPM2 a", "kdpm_2_a": "DPM2 a", "lms": "LMS", "dpmpp_2m": "DPM++ 2M",
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
class Facts:
    """What a ``program`` says of a picture, as it says it; ``other`` is what has no place of its own here."""

    program: str
    prompt: str = ""
    negative: str = ""
    seed: str = ""
    steps: str = ""
    sampler: str = ""
    schedule: str = ""
    guidance: str = ""
    width: str = ""
    height: str = ""
    model: str = ""
    other: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """A picture's recipe: who wrote it, what it says, the request that is nearest to it here, and what of it that
    request lacks."""

    program: str
    text: str
    request: Request
    lost: tuple[str, ...] = ()


def read_picture(file: bytes, packs: Sequence[PackInfo], name: str = "This file") -> Reading:
    """The recipe in a PNG, JPEG or WebP of ours or of another program, for a studio with ``packs``, the first of which
    draws what names no known one. Raises `NoRecipe`."""
    texts = texts_in(file, name)
    if JSON_KEY in texts:
        return _own(from_json(texts[JSON_KEY]), packs)
    for reader in READERS:
        facts = _tried(reader, texts)
        if facts is not None:
            return as_request(facts, packs)
    raise NoRecipe(f"{name} carries no recipe; it was not made by a program that writes one, or lost it on the way.")


def _own(recipe: Recipe, packs: Sequence[PackInfo]) -> Reading:
    request, lost = recipe.request, []
    if request.pack not in (pack.name for pack in packs):
        lost.append(f"model: {_short(request.pack)}")
        request = replace(request, pack=packs[0].name)
    if recipe.stopped_at is not None:
        lost.append(f"stopped at: {recipe.stopped_at}")
    return Reading("Latent Studio", to_parameters(recipe), request, tuple(lost))


def as_request(facts: Facts, packs: Sequence[PackInfo]) -> Reading:
    """The nearest that can be asked for here. Never fails: what cannot be taken over is named."""
    lost: list[str] = []
    pack = next((each for each in packs if facts.model.casefold() in (each.name, each.title.casefold())), None)
    if pack is None and facts.model:
        lost.append(f"model: {_short(facts.model)}")
    pack = pack or packs[0]
    request = TextToImage(
        prompt="", pack=pack.name, width=pack.size, height=pack.size, guidance=pack.guidance, steps=pack.steps,
        sampler=pack.sampler, schedule=pack.schedule,
    )  # fmt: skip

    def take(name: str, told: str, changes: Callable[[], dict[str, Any]]) -> None:
        nonlocal request
        if told:
            try:
                request = replace(request, **changes())
            except (InvalidRequest, ValueError, OverflowError):
                lost.append(f"{name}: {_short(told)}")

    take("prompt", facts.prompt, lambda: {"prompt": facts.prompt})
    take("negative", facts.negative, lambda: {"negative": facts.negative})
    take("seed", facts.seed, lambda: {"seed": _whole(facts.seed)})
    take("sampler", facts.sampler, lambda: _sampling(facts, "Automatic"))
    if facts.schedule:
        take("schedule", facts.schedule, lambda: _sampling(facts, _schedule(facts.schedule)))
    take("steps", facts.steps, lambda: {"steps": _whole(facts.steps)})
    take("guidance", facts.guidance, lambda: {"guidance": _guidance(facts.guidance)})
    size = f"{facts.width}x{facts.height}" if facts.width and facts.height else ""
    take("size", size, lambda: {"width": _side(facts.width), "height": _side(facts.height)})
    if size and f"{request.width}x{request.height}" != size and f"size: {size}" not in lost:
        lost.append(f"size: {size}")
    lost += [f"{key}: {_short(value)}" for key, value in list(facts.other.items())[:MOST_OTHERS]]
    return Reading(facts.program, _shown(facts), request, tuple(lost))


def _sampling(facts: Facts, schedule: str) -> dict[str, str]:
    """Raises `InvalidRequest` for a sampler, or a schedule of it, that is not here."""
    short = facts.sampler.casefold().removesuffix("_cfg_pp")
    if short.endswith("_k") and short.removesuffix("_k") in SHORT_NAMES:
        short, schedule = short.removesuffix("_k"), "Karras"
    sampler, schedule = sampler_named(SHORT_NAMES.get(short, facts.sampler), schedule)
    return {"sampler": sampler, "schedule": schedule}


def _schedule(told: str) -> str:
    return SHORT_SCHEDULES.get(told.casefold(), told)


def _whole(told: str) -> int:
    return int(told) if re.fullmatch(r"-?\d{1,20}", told) else int(float(told))


def _guidance(told: str) -> float:
    """Elsewhere 0 is no guidance, too."""
    scale = float(told)
    return 1.0 if 0 <= scale < 1 else scale


def _side(told: str) -> int:
    return round(_whole(told) / SIDE_MULTIPLE) * SIDE_MULTIPLE


def _shown(facts: Facts) -> str:
    """As people know it: prompt, negative prompt, a line of settings."""
    settings = {
        "Steps": facts.steps, "Sampler": facts.sampler, "Schedule type": facts.schedule, "CFG scale": facts.guidance,
        "Seed": facts.seed, "Size": f"{facts.width}x{facts.height}" if facts.width else "", "Model": facts.model,
        **facts.other,
    }  # fmt: skip
    line = ", ".join(f"{key}: {_short(value)}" for key, value in list(settings.items())[:MOST_OTHERS] if value)
    negative = [f"Negative prompt: {facts.negative}"] if facts.negative else []
    return "\n".join([facts.prompt, *negative, line])[:LONGEST_FACT]


def _short(value: str) -> str:
    return value if len(value) <= 80 else f"{value[:77]}..."


# Readers: from a picture's texts to facts, or None where it is not of that program. What is not as it should be may
# raise anything that `_tried` names.


def _swarm(texts: Mapping[str, str]) -> Facts | None:
    if '"sui_image_params"' not in texts.get(TEXT_KEY, ""):
        return None
    told = _mapping(_mapping(_parsed(texts[TEXT_KEY]))["sui_image_params"])
    names = {
        "prompt": "prompt", "negativeprompt": "negative", "seed": "seed", "steps": "steps", "sampler": "sampler",
        "scheduler": "schedule", "cfgscale": "guidance", "width": "width", "height": "height", "model": "model",
    }  # fmt: skip
    return _named("SwarmUI", told, names, ignored=("swarm_version", "aspectratio", "date"))


def _fooocus(texts: Mapping[str, str]) -> Facts | None:
    scheme = texts.get("fooocus_scheme") or texts.get(MAKER_KEY, "")
    if scheme != "fooocus":
        return None
    told = _mapping(_parsed(texts[TEXT_KEY]))
    size = re.fullmatch(r"\(?\s*(\d{1,6})\D{1,5}(\d{1,6})\s*\)?", str(told.get("resolution", "")))
    names = {
        "prompt": "prompt", "negative_prompt": "negative", "seed": "seed", "steps": "steps", "sampler": "sampler",
        "scheduler": "schedule", "guidance_scale": "guidance", "base_model": "model",
    }  # fmt: skip
    ignored = ("resolution", "metadata_scheme", "version", "created_by", "full_prompt", "full_negative_prompt")
    facts = _named("Fooocus", told, names, ignored)
    return replace(facts, width=size[1], height=size[2]) if size else facts


def _invoke(texts: Mapping[str, str]) -> Facts | None:
    if "invokeai_metadata" not in texts:
        return None
    told = _mapping(_parsed(texts["invokeai_metadata"]))
    names = {
        "positive_prompt": "prompt", "negative_prompt": "negative", "seed": "seed", "steps": "steps",
        "scheduler": "sampler", "cfg_scale": "guidance", "width": "width", "height": "height",
    }  # fmt: skip
    facts = _named("InvokeAI", told, names, ignored=("app_version", "model", "rand_device", "generation_mode"))
    model = told.get("model")
    return replace(facts, model=str(_mapping(model).get("name", "")) if isinstance(model, dict) else "")


def _comfy(texts: Mapping[str, str]) -> Facts | None:
    """The first sampler of the graph, and what is plugged into it."""
    if not texts.get("prompt", "").lstrip().startswith("{"):
        return None
    nodes = {str(key): _mapping(node) for key, node in _mapping(_parsed(texts["prompt"])).items()}
    if len(nodes) > MOST_NODES:
        raise NoRecipe("The graph in this picture is too large.")
    samplers = [node for node in nodes.values() if "sampler_name" in _inputs(node) and "positive" in _inputs(node)]
    if not samplers:
        return None
    told = _inputs(samplers[0])

    def value(*names: str) -> str:
        given = next((told[name] for name in names if name in told), "")
        followed = _first(nodes, given, ("value", "seed", "noise_seed", "int", "float"))
        return followed if isinstance(given, list) else str(given)

    denoise = value("denoise")
    return Facts(
        "ComfyUI",
        prompt=_first(nodes, told.get("positive"), ("text", "text_g", "string", "prompt")),
        negative=_first(nodes, told.get("negative"), ("text", "text_g", "string", "prompt")),
        seed=value("seed", "noise_seed"),
        steps=value("steps"),
        sampler=value("sampler_name"),
        schedule=value("scheduler"),
        guidance=value("cfg"),
        width=_first(nodes, told.get("latent_image"), ("width",)),
        height=_first(nodes, told.get("latent_image"), ("height",)),
        model=re.sub(r"\.(safetensors|ckpt)$", "", _first(nodes, told.get("model"), ("ckpt_name", "unet_name"))),
        other={"Denoise": denoise} if denoise not in ("", "1", "1.0") else {},
    )


def _infotext(texts: Mapping[str, str]) -> Facts | None:
    """AUTOMATIC1111's text, and what Forge, SD.Next and Fooocus make of it."""
    if TEXT_KEY not in texts:
        return None
    told = read_infotext(texts[TEXT_KEY])
    settings = dict(told.settings)
    if not settings:
        return None
    width, _, height = settings.pop("Size", "").partition("x")
    version, app = settings.pop("Version", ""), settings.pop("App", "")
    sampler, schedule = settings.pop("Sampler", ""), settings.pop("Schedule type", settings.pop("Scheduler", ""))
    for name in ("Karras", "Exponential"):  # versions before 1.9 say both in one
        if not schedule and sampler.endswith(f" {name}"):
            sampler, schedule = sampler.removesuffix(f" {name}"), name
    program = "Forge" if version.startswith("f") else "SD.Next" if "next" in app.lower() else "AUTOMATIC1111"
    if version == "Latent Studio":
        program = version
    elif version.startswith("Fooocus") or texts.get("fooocus_scheme") or texts.get(MAKER_KEY) == "a1111":
        program = "Fooocus"
    ours = ("Model hash", "RNG", "Schedule type")
    return Facts(
        program, told.prompt, told.negative, settings.pop("Seed", ""), settings.pop("Steps", ""), sampler, schedule,
        settings.pop("CFG scale", ""), width, height, settings.pop("Model", settings.pop("Base Model", "")),
        {key: value for key, value in settings.items() if key not in ours},
    )  # fmt: skip


READERS: tuple[Callable[[Mapping[str, str]], Facts | None], ...] = (_swarm, _fooocus, _invoke, _comfy, _infotext)


def _tried(reader: Callable[[Mapping[str, str]], Facts | None], texts: Mapping[str, str]) -> Facts | None:
    try:
        facts = reader(texts)
        return None if facts is None else _whole_letters(facts)
    except NoRecipe:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise NoRecipe(f"The recipe in this picture is damaged ({type(error).__name__}).") from None


def _whole_letters(facts: Facts) -> Facts:
    """Halves of surrogate pairs, which JSON may hold and no file can, become question marks."""

    def mended(text: str) -> str:
        return text.encode("utf-8", "replace").decode()

    texts = {name: mended(value) for name, value in vars(facts).items() if isinstance(value, str)}
    return replace(facts, **texts, other={mended(key): mended(value) for key, value in facts.other.items()})


def _parsed(text: str) -> Any:
    return json.loads(text.replace(": NaN", ": null"))  # ComfyUI writes what JSON has no word for


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _inputs(node: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def _first(nodes: Mapping[str, Mapping[str, Any]], start: Any, names: Sequence[str]) -> str:
    """The first plain value called one of ``names`` that is reached from a plug, the nearest first; empty where there
    is none."""
    for node in _reached(nodes, start):
        given = next((value for name in names if not isinstance(value := _inputs(node).get(name), (list, dict))
                      and value is not None), None)  # fmt: skip
        if given is not None:
            return str(given)
    return ""


def _reached(nodes: Mapping[str, Mapping[str, Any]], start: Any) -> Iterator[Mapping[str, Any]]:
    waiting, seen = deque([start]), set[str]()
    while waiting and len(seen) < MOST_LINKS:
        plug = waiting.popleft()
        name = str(plug[0]) if isinstance(plug, list) and len(plug) == 2 else ""
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        yield nodes[name]
        waiting += [value for value in _inputs(nodes[name]).values() if isinstance(value, list) and len(value) == 2]


def _named(program: str, told: Mapping[str, Any], names: Mapping[str, str], ignored: Sequence[str]) -> Facts:
    """Facts by their ``names`` in another program; whatever else it says goes beside, but what is ``ignored``."""
    own = {ours: _plain(told[theirs]) for theirs, ours in names.items() if told.get(theirs) not in (None, "")}
    other = {
        str(key): _plain(value) for key, value in told.items()
        if key not in names and key not in ignored and value not in (None, "", [], {}, False, 0)
    }  # fmt: skip
    return Facts(program, **own, other=other)


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[: LONGEST_PROMPT + 1]
