"""The packs that the studio knows by name: one entry each. Pure data; nothing is loaded or downloaded here.

A pack can also be a diffusers folder or a single safetensors file, given by its path.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from studio.errors import InvalidRequest, PackError
from studio.models.weights.original import configuration_of, marks_of
from studio.prompts import read_prompt
from studio.requests.limits import CASCADE_SCALE
from studio.sampling.catalogue import DEFAULT_SAMPLER, is_for_distilled

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "packs"
SAFETENSORS = ".safetensors"
UNSAFE = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
MOST_LATENTS = 512  # a side, of a U-Net's own size
FACTOR = 8  # pixels a latent, for every autoencoder of the Stable Diffusion family


MOST_TASKS = ("text-to-image", "inpaint", "super-resolve", "vary", "forward-process")


@dataclass(frozen=True)
class PackInfo:
    """What a page needs to know of a pack. ``source`` is a folder, a file, or a repository on the Hub.

    ``size`` is the side in pixels that the pack draws best (a folder's configuration knows better, see `find_pack`);
    ``guidance``, ``steps`` and ``sampler`` with its ``schedule`` are good first values.
    ``revision`` pins a Hub repository to one commit. ``tasks`` are what it can be asked for, as requests call it.
    ``cascades`` tells that its pictures can be drawn in two stages, the second by its model for super-resolution;
    ``few_steps``, that it has a LoRA of its own with which samplers for distilled models draw.
    ``family`` is the module in `studio.models.families` that loads it. ``licence`` and ``gigabytes``, about what it
    takes in half precision, are of repositories on the Hub.
    """

    name: str
    title: str
    source: str
    size: int
    guidance: float = 7.5
    steps: int = 20
    sampler: str = DEFAULT_SAMPLER
    schedule: str = ""
    revision: str | None = None
    tasks: tuple[str, ...] = MOST_TASKS
    cascades: bool = False
    few_steps: bool = False
    family: str = "stable_diffusion"
    licence: str = ""
    gigabytes: float = 0.0

    def side(self, *, cascade: bool) -> int:
        """Of the square that it draws best, in pixels."""
        return self.size * CASCADE_SCALE if cascade else self.size

    def is_quick_with(self, sampler: str) -> bool:
        """Whether ``sampler`` draws by the pack's own LoRA for few steps."""
        return self.few_steps and is_for_distilled(sampler)

    def steps_with(self, sampler: str) -> int:
        """A good first value."""
        return QUICK_STEPS if self.is_quick_with(sampler) else self.steps

    def guidance_with(self, sampler: str) -> float:
        """Likewise; what was distilled from guided predictions needs no guidance."""
        return QUICK_GUIDANCE if self.is_quick_with(sampler) else self.guidance

    def in_stages(self, stages: int, *sides: int | None) -> bool:
        """Whether a picture is a cascade whose number of stages, and any of whose sides, may be given; 0 or None where
        they are not: then it is one where the pack can draw it. Raises `InvalidRequest`."""
        if isinstance(stages, bool) or stages not in (0, 1, 2):
            raise InvalidRequest("stages", stages, "one of: 0, 1, 2")
        return stages == 2 or (stages == 0 and self.cascades and not any(sides))


HUB_ID = re.compile(r"(?P<id>[\w.-]{1,96}/(?P<name>[\w.-]{1,96}))@(?P<commit>[0-9a-f]{40})", re.ASCII)
MOST_LEVELS = 8  # of an autoencoder
UPSCALING_CHANNELS = 7  # latent 4, small picture 3
TASKS: dict[str, tuple[str, ...]] = {  # of the families that cannot do what most can
    "unconditional": ("text-to-image",),
    "latent_upscaler": ("super-resolve",),
    "noised_upscaler": ("super-resolve",),
    "image_variation": ("vary",),
}
# Schedulers of diffusers that only distilled models are published with, and our names of them; the second with a
# timestep_spacing of "trailing" (SDXL Turbo, SDXL Lightning).
DISTILLED = {"LCMScheduler": "LCM", "TCDScheduler": "TCD"}
TURBO = {"EulerDiscreteScheduler": "Euler", "EulerAncestralDiscreteScheduler": "Euler a"}

# Good first values of models whose noise schedule ends in noise alone, where other schedules spend most of their steps.
ZERO_SNR: Mapping[str, Any] = MappingProxyType(
    {"sampler": "Euler", "schedule": "SGM Uniform", "steps": 28, "guidance": 5.0}
)

Status: TypeAlias = Literal["available", "loading", "resident", "failed"]


@dataclass(frozen=True)
class PackState:
    """How a pack is now. ``share`` of it has been loaded, 0..1; ``megabytes`` of memory hold it; ``problem`` says why
    it could not be loaded."""

    info: PackInfo
    status: Status = "available"
    share: float = 0.0
    megabytes: float = 0.0
    problem: str = ""


SUPER_RESOLUTION = "super_resolution"  # the folder in a pack's with the models for it
IMAGE_ENCODER = "image_encoder"  # likewise, with CLIP's vision tower
IMAGE_PROMPT = "ip_adapter/ip_adapter.safetensors"
FEW_STEPS = "few_steps.safetensors"  # a pack's own LoRA
QUICK_STEPS, QUICK_GUIDANCE = 4, 1.0  # that it draws with
STORYBOOK = "storybook"
LORAS, EMBEDDINGS = "loras", "embeddings"  # folders beside the packs
VAE = ".vae.safetensors"  # ends the name of an autoencoder that stands in for that of the pack beside it

PACKS = {
    pack.name: pack
    for pack in (
        PackInfo(STORYBOOK, "Storybook", str(ASSETS / STORYBOOK), size=128, guidance=4.0, steps=12),
        PackInfo(
            "stable-diffusion-1.5", "Stable Diffusion 1.5", "stable-diffusion-v1-5/stable-diffusion-v1-5", size=512,
            revision="451f4fe16113bff5a5d2269ed5ad43b0592e9a14", licence="CreativeML OpenRAIL-M", gigabytes=2.2,
        ),
        PackInfo(
            "stable-diffusion-1.5-inpainting", "Stable Diffusion 1.5, inpainting",
            "stable-diffusion-v1-5/stable-diffusion-inpainting", size=512,
            revision="8a4288a76071f7280aedbdb3253bdb9e9d5d84bb", licence="CreativeML OpenRAIL-M", gigabytes=2.2,
        ),
        PackInfo(
            "gligen", "GLIGEN (Stable Diffusion 1.4 with boxes)", "masterful/gligen-1-4-generation-text-box", size=512,
            revision="d2820dc1e9ba6ca082051ce79cfd3eb468ae2c83",
            licence="CreativeML OpenRAIL-M", gigabytes=2.6, tasks=(*MOST_TASKS, "layout-to-image"),
        ),
        PackInfo(
            "sdxl", "Stable Diffusion XL", "stabilityai/stable-diffusion-xl-base-1.0", size=1024, guidance=5.0,
            steps=25, revision="462165984030d82259a11f4367a4eed129e94a7b", licence="CreativeML OpenRAIL++-M",
            gigabytes=6.9,
        ),
        PackInfo(
            "sdxl-turbo", "SDXL Turbo", "stabilityai/sdxl-turbo", size=512, guidance=1.0, steps=4, sampler="Euler a",
            schedule="SGM Uniform", revision="71153311d3dbb46851df1931d3ca6e939de83304",
            licence="Stability AI Community Licence", gigabytes=6.9,
        ),
        PackInfo(
            "lcm-dreamshaper", "LCM Dreamshaper", "SimianLuo/LCM_Dreamshaper_v7", size=768, guidance=8.0, steps=4,
            sampler="LCM", revision="a85df6a8bd976cdd08b4fd8f3b73f229c9e54df5", licence="MIT", gigabytes=2.2,
        ),
        PackInfo(
            "x4-upscaler", "Stable Diffusion x4 upscaler", "stabilityai/stable-diffusion-x4-upscaler", size=512,
            revision="572c99286543a273bfd17fac263db5a77be12c4c",
            licence="CreativeML OpenRAIL++-M", gigabytes=1.8, tasks=("super-resolve",), family="noised_upscaler",
        ),
        PackInfo(
            "image-variations", "Stable Diffusion image variations", "lambdalabs/sd-image-variations-diffusers",
            size=512, guidance=3.0, revision="42bc0ee1726b141d49f519a6ea02ccfbf073db2e",
            licence="CreativeML OpenRAIL-M", gigabytes=2.4, tasks=("vary",),
            family="image_variation",
        ),
    )
}  # fmt: skip


def find_pack(name: str) -> PackInfo:
    """The pack called ``name``, or described by the folder or file at that path, or a repository on the Hub, pinned to
    a commit: its size and tasks are known once it is there. Raises `PackError`."""
    if name in PACKS:
        pack = PACKS[name]
        folder = Path(pack.source)
        if not folder.is_dir():
            return pack
        described = _describe(folder)
        return replace(
            pack, size=described.size, tasks=described.tasks, cascades=described.cascades, family=described.family,
            few_steps=described.few_steps,
        )  # fmt: skip
    path = Path(name).expanduser()
    try:
        path.is_dir()
    except OSError as error:
        raise PackError(f"There is no pack called {name[:60]!r} ({error.strerror}).") from None
    if path.is_dir():
        return _describe(path.resolve())
    if path.suffix in UNSAFE and path.is_file():
        raise PackError(
            f"{path.name} is a pickle, which can run any code that its author liked; it is not opened. "
            "Convert it to safetensors, or get it in that form."
        )
    if is_weights(path) and path.is_file():
        configured = configuration_of(path)
        described = PackInfo("", "", "", size=512) if configured is None else _describe(configured)
        trained = ZERO_SNR if marks_of(path).zero_snr else {}
        return replace(described, name=path.stem, title=path.stem, source=str(path.resolve()), **trained)
    if match := HUB_ID.fullmatch(name):
        return PackInfo(match["name"], match["name"], match["id"], size=512, revision=match["commit"])
    raise PackError(
        f"There is no pack {name!r}. Give one of {', '.join(PACKS)}, a diffusers folder, a .safetensors file, or a "
        "repository on the Hub with its commit, owner/name@0123abcd..."
    )


def packs_in(folder: Path) -> list[PackState]:
    """The packs in ``folder``, in the order of their names: diffusers folders and single files. One that cannot be used
    is there too, and says why."""
    found, entries = [], _entries(folder)
    configured = {path.with_suffix("") for path in entries if is_weights(path)}
    for path in entries:
        if path.name.startswith(".") or not (path.is_dir() or is_weights(path) or path.suffix in UNSAFE):
            continue
        if path.name in (LORAS, EMBEDDINGS) or path.name.endswith(VAE):
            continue
        if path.is_dir() and path in configured:
            continue  # the configuration of the file beside it
        try:
            found.append(PackState(find_pack(str(path))))
        except PackError as error:
            found.append(PackState(PackInfo(path.name, path.name, str(path), 512), "failed", problem=str(error)))
    return found


def lora_names(models: Path) -> list[str]:
    """What a prompt may name of the LoRAs in the folder ``models``."""
    return [name for name in loras_in(models / LORAS) if _can_be_said(name)]


def loras_in(folder: Path) -> dict[str, Path]:
    """The LoRAs in ``folder`` and in those below it, each by the shortest name that is found, and can be said in a
    prompt: its file's, that with its folders, or that with its ending, too."""
    names = {file: _names_of(folder, file) for file in weights_in(folder, below=True)}
    whole = Counter(name for each in names.values() for name in each)
    at_top = Counter(name for file, each in names.items() if file.parent == folder for name in each)
    found = {}
    for file, each in names.items():
        files = at_top if file.parent == folder else whole
        found[next((name for name in each if files[name] == 1 and _can_be_said(name)), each[-1])] = file
    return found


def _can_be_said(name: str) -> bool:
    return [lora.name for lora in read_prompt(f"<lora:{name}:1>").loras] == [name.strip()]


def find_lora(folder: Path, name: str) -> Path:
    """The one called ``name``, with or without its folders and its ending; letters count as equal that are composed in
    another way, as macOS does. Raises `InvalidRequest` where there is none, or several."""
    known = loras_in(folder)
    for alike in (str, _composed):
        found = [file for file in known.values() if alike(name) in map(alike, _names_of(folder, file))]
        at_top = [file for file in found if file.parent == folder]
        for files in (found, at_top):
            if len(files) == 1:
                return files[0]
        if found:
            shown = ", ".join(each for each, file in known.items() if file in found)
            raise InvalidRequest("lora", name, f"one of: {shown}")
    raise InvalidRequest(
        "lora", name, f"a file in the folder for LoRAs, which holds: {', '.join(sorted(known)) or 'none'}"
    )


def _names_of(folder: Path, file: Path) -> tuple[str, ...]:
    """What ``file`` may be called by, each name once, the shortest first."""
    inside = file.relative_to(folder)
    return tuple(dict.fromkeys((file.stem, inside.with_suffix("").as_posix(), file.name, inside.as_posix())))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().replace("\\", "/")


def weights_in(folder: Path, below: bool = False) -> list[Path]:
    """The safetensors files in ``folder``, and in those ``below`` it, by name; nothing where it is not to be read. What
    begins with a dot is no weights: macOS puts a small "._" file beside each file on other systems' disks."""
    files = folder.rglob("*") if below else _entries(folder)
    found = [file for file in files if is_weights(file) and not _is_hidden(file.relative_to(folder))]
    return sorted(file for file in found if file.is_file())


def is_weights(file: Path) -> bool:
    """By its ending, in letters of either case."""
    return file.suffix.lower() == SAFETENSORS


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _entries(folder: Path) -> list[Path]:
    """What lies in ``folder``, by name; nothing where it is not there or not to be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _describe(folder: Path) -> PackInfo:
    config = read_json(folder / "unet" / "config.json")
    side = config.get("sample_size", 64)
    side = side[0] if isinstance(side, list) and side else side
    if not isinstance(side, int) or not 1 <= side <= MOST_LATENTS:
        raise PackError(
            f"The pack's unet/config.json has a sample_size of {str(side)[:40]!r}; a whole number was expected."
        )
    family = _family(folder, config)
    tasks = list(TASKS.get(family, PackInfo.tasks))
    if config.get("attention_type") == "gated":
        tasks.append("layout-to-image")
    if (folder / IMAGE_PROMPT).is_file():
        tasks.append("interpolate")
    info = PackInfo(
        folder.name, folder.name, str(folder), _factor(folder, family) * side, tasks=tuple(tasks),
        cascades=family == "stable_diffusion" and (folder / SUPER_RESOLUTION).is_dir(), family=family,
        few_steps=family == "stable_diffusion" and (folder / FEW_STEPS).is_file(),
    )  # fmt: skip
    return replace(info, **_first_values(folder, config))


def _factor(folder: Path, family: str) -> int:
    """Pixels a latent."""
    if family != "unconditional":
        return FACTOR
    levels = read_json(folder / "vqvae" / "config.json").get("block_out_channels")
    if not isinstance(levels, list) or not 1 <= len(levels) <= MOST_LEVELS:
        raise PackError("The pack's vqvae/config.json has no block_out_channels that can be right.")
    return int(2 ** (len(levels) - 1))


def _family(folder: Path, unet: dict[str, Any]) -> str:
    """By what lies in a diffusers folder."""
    if (folder / "bert").is_dir():
        return "latent_diffusion"
    if unet.get("_class_name") == "UNet2DModel":
        return "unconditional" if unet.get("in_channels") == unet.get("out_channels") else "latent_upscaler"
    if unet.get("in_channels") == UPSCALING_CHANNELS:
        return "noised_upscaler"
    reads_words = (folder / "text_encoder").is_dir() or (folder / IMAGE_PROMPT).is_file()
    if (folder / IMAGE_ENCODER).is_dir() and not reads_words:
        return "image_variation"
    return "stable_diffusion"


def _first_values(folder: Path, unet: dict[str, Any]) -> dict[str, Any]:
    """What a model wants, as far as its scheduler tells: a distilled one few steps, its own sampler and no guidance."""
    path = folder / "scheduler" / "scheduler_config.json"
    scheduler = read_json(path) if path.is_file() else {}
    kind = str(scheduler.get("_class_name", ""))
    if kind in DISTILLED:
        embeds_guidance = unet.get("time_cond_proj_dim") is not None
        return {"sampler": DISTILLED[kind], "steps": 4, "guidance": 8.0 if embeds_guidance else 1.0}
    if scheduler.get("rescale_betas_zero_snr"):
        return {**ZERO_SNR, "sampler": TURBO.get(kind, ZERO_SNR["sampler"])}
    is_plain = scheduler.get("prediction_type") != "v_prediction"  # as those that were distilled are
    if kind in TURBO and scheduler.get("timestep_spacing") == "trailing" and is_plain:
        return {"sampler": TURBO[kind], "schedule": "SGM Uniform", "steps": 4, "guidance": 1.0}
    return {}


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a pack's folder. Raises `PackError` where it is missing or broken."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PackError(f"The pack has no {path.parent.name}/{path.name}; a diffusers folder was expected.") from None
    except (OSError, ValueError) as error:
        raise PackError(f"The pack's {path.parent.name}/{path.name} cannot be read: {error}") from None
    except RecursionError:
        raise PackError(f"The pack's {path.parent.name}/{path.name} cannot be read: it is nested too deeply") from None
    if not isinstance(values, dict):
        raise PackError(f"The pack's {path.parent.name}/{path.name} is not a JSON object.")
    return values
