"""The packs that the studio knows by name: one entry each. Pure data; nothing is loaded or downloaded here.

How others are found is in `studio.models.registry`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from studio.errors import InvalidRequest
from studio.message import Message
from studio.requests import kinds
from studio.requests.limits import CASCADE_SCALE, SIDE_MULTIPLE
from studio.requests.needs import BOXES, DRAWING, PICTURES, UPSCALING, WORDS
from studio.requests.request import Request
from studio.sampling.catalogue import BETAS, DEFAULT_SAMPLER, is_for_distilled

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "packs"
FACTOR = 8  # pixels a latent, for every autoencoder of the Stable Diffusion family


USUAL = frozenset({DRAWING, WORDS, PICTURES, UPSCALING})  # what a model with words has


@dataclass(frozen=True)
class PackInfo:
    """What a page needs to know of a pack. ``source`` is a folder, a file, or a repository on the Hub.

    ``size`` is the side in pixels that the pack draws best (a folder's configuration knows better, see `find_pack`);
    ``guidance``, ``steps`` and ``sampler`` with its ``schedule`` are good first values.
    ``revision`` pins a Hub repository to one commit. ``capabilities`` are what requests may need of it
    (`studio.requests.needs`).
    ``cascades`` tells that its pictures can be drawn in two stages, the second by its model for super-resolution;
    ``few_steps``, that it has a LoRA of its own with which samplers for distilled models draw.
    ``process``: how it was trained (`studio.sampling.process`), and so which samplers can draw with it.
    ``family`` is the folder in `studio.models.families` that loads it; the sides of its pictures are multiples of
    ``multiple``. ``licence`` and ``gigabytes``, about what it takes in half precision, are of repositories on the Hub.
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
    capabilities: frozenset[str] = USUAL
    cascades: bool = False
    few_steps: bool = False
    family: str = "stable_diffusion"
    multiple: int = SIDE_MULTIPLE
    process: str = BETAS
    licence: str = ""
    gigabytes: float = 0.0

    @classmethod
    def of(cls, folder: Path, size: int, **values: Any) -> Self:
        """The pack in ``folder``, named after it."""
        return cls(folder.name, folder.name, str(folder), size, **values)

    def serves(self, kind: type[Request]) -> bool:
        """Whether it can be asked for this kind of request: the one place where that is decided."""
        return self.capabilities >= kind.NEEDS

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it can be asked for, as requests call it."""
        return tuple(task for task, kind in kinds().items() if self.serves(kind))

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
            raise InvalidRequest("stages", stages, "one of: {names}", names="0, 1, 2")
        return stages == 2 or (stages == 0 and self.cascades and not any(sides))


Status: TypeAlias = Literal["available", "loading", "resident", "failed"]


@dataclass(frozen=True)
class PackState:
    """How a pack is now. ``share`` of it has been loaded, 0..1; ``megabytes`` of memory hold it; ``problem`` says why
    it could not be loaded."""

    info: PackInfo
    status: Status = "available"
    share: float = 0.0
    megabytes: float = 0.0
    problem: Message | None = None


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
            licence="CreativeML OpenRAIL-M", gigabytes=2.6, capabilities=USUAL | {BOXES},
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
            licence="CreativeML OpenRAIL++-M", gigabytes=1.8, capabilities=frozenset({UPSCALING}),
            family="noised_upscaler",
        ),
        PackInfo(
            "image-variations", "Stable Diffusion image variations", "lambdalabs/sd-image-variations-diffusers",
            size=512, guidance=3.0, revision="42bc0ee1726b141d49f519a6ea02ccfbf073db2e",
            licence="CreativeML OpenRAIL-M", gigabytes=2.4, capabilities=frozenset({PICTURES}),
            family="image_variation",
        ),
    )
}  # fmt: skip
