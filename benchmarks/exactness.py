"""How far what is drawn here is from what diffusers' own pipelines draw: every family, tab and a choice of samplers, on
small checkpoints of random weights, from the same noise.

    python -m benchmarks.exactness        # prints the table; exits with 1 where a picture is off by more than LARGEST

The error is the norm of the difference of the final latents over the norm of the reference's, in float32: of each
picture drawn alone, and of all of them drawn together, whatever their pack, sampler and tab. The references are loaded
from the same files by diffusers' pipelines; where a pipeline samples an autoencoder's posterior, its mean is taken.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import diffusers
import numpy as np
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.utils import logging as diffusers_logging
from transformers import (
    AutoTokenizer,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionModelWithProjection,
)
from transformers.utils import logging as transformers_logging

from benchmarks import checkpoints, flow_references
from studio.engine.row import Row
from studio.engine.step import StepResult, step_rows
from studio.images.pixels import Mask, Pixels
from studio.models.catalogue import IMAGE_PROMPT
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.models.weights.networks import read_schedule
from studio.requests.inpaint import Inpaint
from studio.requests.layout_to_image import LayoutToImage
from studio.requests.request import Request
from studio.requests.super_resolve import SuperResolve
from studio.requests.text_to_image import TextToImage
from studio.requests.vary import Vary
from studio.sampling.catalogue import find_sampler
from studio.tasks import find_task
from studio.tasks.super_resolve import another_seed

LARGEST = 1e-4
SIDE, STEPS, SEED, GUIDANCE = 64, 6, 5, 3.0
WORDS, AVOIDED = "a red house and a boat by the sea", "rain"  # which name what is in the boxes
PHOTO = Pixels.of(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
SMALL = Pixels.of(np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8))
MASK = Mask.of(np.repeat(np.repeat(np.eye(8, dtype=np.uint8) * 255, 8, 0), 8, 1))
IMAGES = {each.digest: each for each in (PHOTO, SMALL, MASK)}
BOXES = ({"phrase": "a red house", "box": [0.1, 0.3, 0.5, 0.9]}, {"phrase": "a boat", "box": [0.6, 0.5, 0.9, 0.8]})
USUAL = ("DDIM", "Euler a", "DPM++ 2M Karras")
WITHOUT_NOISE = ("DDIM", "Euler", "DPM++ 2M Karras")
FLOW_SAMPLERS = ("Euler", "Heun", "DPM++ 2M", "UniPC")
ONE_CALL_A_STEP = ("Euler", "DPM++ 2M", "UniPC")  # a pipeline that is handed sigmas counts the calls of Heun for steps
UNGUIDED = {"negative_prompt": None}  # as it is told its guidance
WITHOUT_SCALE = ("DDIM", "PLMS", "DPM++ 2M Karras")  # for pipelines that do not scale the model's input

Reference = Callable[[Path, str], torch.Tensor]  # of a checkpoint's folder and a sampler's name: latents [C, h, w]


@dataclass(frozen=True)
class Case:
    """What one tab draws with one family; ``request`` is without pack and sampler."""

    family: str
    tab: str
    request: Callable[..., Request]
    reference: Reference
    samplers: tuple[str, ...] = USUAL


@dataclass(frozen=True)
class Finding:
    case: Case
    sampler: str
    alone: float
    together: float


def measure(folder: Path, cases: Sequence[Case]) -> list[Finding]:
    """Checkpoints are written to ``folder``."""
    packs = {family: _pack(family, folder) for family in {case.family for case in cases}}
    asked = [(case, sampler) for case in cases for sampler in case.samplers]
    together = [_row(case, sampler, packs[case.family]) for case, sampler in asked]
    _finish(together)
    findings = []
    for (case, sampler), row in zip(asked, together, strict=True):
        with _means_of_posteriors(), torch.no_grad():
            expected = case.reference(folder / case.family, sampler)
        alone = _row(case, sampler, packs[case.family])
        _finish([alone])
        findings.append(Finding(case, sampler, _relative(alone.latent, expected), _relative(row.latent, expected)))
    return findings


def _pack(family: str, folder: Path) -> Pack:
    return load_pack(find_pack(str(checkpoints.write(family, folder / family))), torch.device("cpu"))


def _row(case: Case, sampler: str, pack: Pack) -> Row:
    request = case.request(pack=pack.info.name, sampler=sampler, seed=SEED, steps=STEPS)
    (row,) = find_task(request).prepare("job", request, pack, IMAGES)
    return row


def _finish(rows: list[Row]) -> None:
    """Steps all rows to their ends; those that can share a call do."""
    while waiting := sorted((row for row in rows if not row.is_done), key=lambda row: row.call):
        sharing = [row for row in waiting if row.batch_key == waiting[0].batch_key]
        for row, result in zip(sharing, step_rows(sharing), strict=True):
            assert isinstance(result, StepResult)
            row.move(result.state, result.x0)


def _relative(drawn: torch.Tensor, expected: torch.Tensor) -> float:
    assert torch.isfinite(expected).all()
    return float((drawn - expected).norm() / expected.norm())


@contextlib.contextmanager
def _means_of_posteriors() -> Iterator[None]:
    def mean(posterior: DiagonalGaussianDistribution, generator: object = None) -> torch.Tensor:
        return posterior.mean

    with mock.patch.object(DiagonalGaussianDistribution, "sample", mean):
        yield


# --- references ------------------------------------------------------------------------------------------------------


def _scheduler(sampler: str, folder: Path) -> Any:
    return read_schedule(folder).make_scheduler(find_sampler(sampler), STEPS)[0]


def _parts(folder: Path, sampler: str) -> dict[str, Any]:
    """What every pipeline of Stable Diffusion takes."""
    return {
        "vae": _frozen(diffusers.AutoencoderKL, folder / "vae"),
        "text_encoder": _frozen(CLIPTextModel, folder / "text_encoder"),
        "tokenizer": _tokenizer(folder / "tokenizer"),
        "unet": diffusers.UNet2DConditionModel.from_pretrained(folder / "unet"),
        "scheduler": _scheduler(sampler, folder),
    }


@cache
def _tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder)


@cache
def _frozen(kind: Any, folder: Path) -> Any:
    """A model that no pipeline changes."""
    return kind.from_pretrained(folder)


def _plain(kind: str, folder: Path, sampler: str) -> Any:
    return _quiet(
        getattr(diffusers, kind)(
            **_parts(folder, sampler), safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    )


def _xl(kind: str, folder: Path, sampler: str) -> Any:
    second = {
        "text_encoder_2": _frozen(CLIPTextModelWithProjection, folder / "text_encoder_2"),
        "tokenizer_2": _tokenizer(folder / "tokenizer_2"),
    }
    return _quiet(getattr(diffusers, kind)(**_parts(folder, sampler), **second, add_watermarker=False))


def _quiet(pipeline: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _drawn(pipeline: Any, **options: Any) -> torch.Tensor:
    usual = {
        "prompt": WORDS, "negative_prompt": AVOIDED, "guidance_scale": GUIDANCE, "num_inference_steps": STEPS,
        "generator": _generator(), "output_type": "latent",
    }  # fmt: skip
    values = {name: value for name, value in {**usual, **options}.items() if value is not None}
    latents: torch.Tensor = pipeline(**values).images[0]
    return latents


def _generator(seed: int = SEED) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _pixels(picture: Pixels) -> torch.Tensor:
    """[1, 3, H, W] in -1..1."""
    return torch.from_numpy(picture.array.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1


def _white() -> torch.Tensor:
    return torch.from_numpy((MASK.array > 0).astype(np.float32))[None, None]


def _text(make: Callable[[str, Path, str], Any], kind: str, **options: Any) -> Reference:
    def reference(folder: Path, sampler: str) -> torch.Tensor:
        eta = find_sampler(sampler).step_options.get("eta")
        return _drawn(make(kind, folder, sampler), height=SIDE, width=SIDE, eta=eta, **options)

    return reference


def _begun(make: Callable[[str, Path, str], Any], kind: str) -> Reference:
    return lambda folder, sampler: _drawn(make(kind, folder, sampler), image=_pixels(PHOTO), strength=0.5)


def _inpainted(make: Callable[[str, Path, str], Any], kind: str) -> Reference:
    return lambda folder, sampler: _drawn(
        make(kind, folder, sampler), image=_pixels(PHOTO), mask_image=_white(), height=SIDE, width=SIDE, strength=1.0
    )


def _gligen(folder: Path, sampler: str) -> torch.Tensor:
    pipeline = _plain("StableDiffusionGLIGENPipeline", folder, sampler)
    phrases, boxes = [box["phrase"] for box in BOXES], [box["box"] for box in BOXES]
    return _drawn(
        pipeline, height=SIDE, width=SIDE, gligen_phrases=phrases, gligen_boxes=boxes,
        gligen_scheduled_sampling_beta=0.5,
    )  # fmt: skip


def _seen(folder: Path, pixels: torch.Tensor) -> Any:
    """What CLIP says of pictures, [B, 3, H, W] as it takes them."""
    vision = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder")
    return vision(pixels, output_hidden_states=True)


def _normalised(picture: Pixels) -> torch.Tensor:
    """[1, 3, H, W] as CLIP takes it."""
    mean, std = (torch.tensor(each)[:, None, None] for each in (checkpoints.CLIP_MEAN, checkpoints.CLIP_STD))
    return ((_pixels(picture) + 1) / 2 - mean) / std


def _prompted_by_picture(make: Callable[[str, Path, str], Any], kind: str, *, of_patches: bool = False) -> Reference:
    def reference(folder: Path, sampler: str) -> torch.Tensor:
        pipeline = make(kind, folder, sampler)
        pipeline.load_ip_adapter(
            str(folder), subfolder="", weight_name=IMAGE_PROMPT, image_encoder_folder=None, local_files_only=True
        )
        pipeline.set_ip_adapter_scale(0.7)
        pixels = _normalised(SMALL)
        if of_patches:  # of a picture without anything, too, as the pipeline does it
            embeds = _seen(folder, torch.cat([torch.zeros_like(pixels), pixels])).hidden_states[-2][:, None]
        else:
            seen = _seen(folder, pixels).image_embeds
            embeds = torch.stack([torch.zeros_like(seen), seen])
        return _drawn(pipeline, height=SIDE, width=SIDE, ip_adapter_image_embeds=[embeds])

    return reference


def _upscaled(folder: Path, sampler: str) -> torch.Tensor:
    low = diffusers.DDPMScheduler.from_pretrained(folder / "low_res_scheduler")
    pipeline = _quiet(
        diffusers.StableDiffusionUpscalePipeline(**_parts(folder, sampler), low_res_scheduler=low, max_noise_level=350)
    )
    noise = torch.randn((1, 4, SMALL.height, SMALL.width), generator=_generator())
    return _drawn(
        pipeline, prompt="", negative_prompt=None, guidance_scale=1.0, image=_pixels(SMALL), latents=noise,
        noise_level=20, generator=_generator(another_seed(SEED)),
    )  # fmt: skip


def _varied(folder: Path, sampler: str) -> torch.Tensor:
    parts = _parts_without_text(folder, sampler)
    pipeline = _quiet(
        diffusers.StableDiffusionImageVariationPipeline(
            **parts, image_encoder=CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder"),
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )
    )  # fmt: skip
    return _drawn(pipeline, prompt=None, negative_prompt=None, image=_normalised(SMALL), height=SIDE, width=SIDE)


def _parts_without_text(folder: Path, sampler: str) -> dict[str, Any]:
    return {
        "vae": diffusers.AutoencoderKL.from_pretrained(folder / "vae"),
        "unet": diffusers.UNet2DConditionModel.from_pretrained(folder / "unet"),
        "scheduler": _scheduler(sampler, folder),
    }


class _Decoded(Exception):
    """What a pipeline without latents as an output was about to decode."""

    def __init__(self, latents: torch.Tensor) -> None:
        super().__init__()
        self.latents = latents


def _caught(pipeline: Any, autoencoder: Any, **options: Any) -> torch.Tensor:
    def decode(latents: torch.Tensor, *rest: Any, **more: Any) -> None:
        raise _Decoded(latents)

    with mock.patch.object(autoencoder, "decode", decode):
        try:
            _quiet(pipeline)(num_inference_steps=STEPS, generator=_generator(), **options)
        except _Decoded as decoded:
            return decoded.latents[0] * autoencoder.config.scaling_factor
    raise AssertionError("the pipeline decoded nothing")


def _latent_diffusion(folder: Path, sampler: str) -> torch.Tensor:
    from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertModel

    pipeline = diffusers.LDMTextToImagePipeline(
        vqvae=diffusers.AutoencoderKL.from_pretrained(folder / "vqvae"),
        bert=LDMBertModel.from_pretrained(folder / "bert"),
        tokenizer=_tokenizer(folder / "tokenizer"),
        unet=diffusers.UNet2DConditionModel.from_pretrained(folder / "unet"), scheduler=_scheduler(sampler, folder),
    )  # fmt: skip
    return _caught(pipeline, pipeline.vqvae, prompt=[WORDS], guidance_scale=GUIDANCE, height=SIDE, width=SIDE, eta=0.0)


def _unconditional(folder: Path, sampler: str) -> torch.Tensor:
    pipeline = diffusers.LDMPipeline(
        vqvae=diffusers.VQModel.from_pretrained(folder / "vqvae"),
        unet=diffusers.UNet2DModel.from_pretrained(folder / "unet"), scheduler=_scheduler(sampler, folder),
    )  # fmt: skip
    return _caught(pipeline, pipeline.vqvae, batch_size=1)


def _super_resolved(folder: Path, sampler: str) -> torch.Tensor:
    """The loop of `diffusers.LDMSuperResolutionPipeline` without its two faults: it scales the small picture with the
    latent, and gives the scheduler no generator."""
    unet = diffusers.UNet2DModel.from_pretrained(folder / "unet")
    scheduler, generator = _scheduler(sampler, folder), _generator()
    latents = torch.randn((1, 3, SMALL.height, SMALL.width), generator=generator) * scheduler.init_noise_sigma
    options = {"generator": generator} if "generator" in type(scheduler).step.__code__.co_varnames else {}
    for timestep in scheduler.timesteps:
        inputs = torch.cat([scheduler.scale_model_input(latents, timestep), _pixels(SMALL)], dim=1)
        latents = scheduler.step(unet(inputs, timestep).sample, timestep, latents, **options).prev_sample
    return latents[0]


def _flow(kind: str, *, begun: bool = False, **options: Any) -> Reference:
    """A pipeline of a model that was trained by flow matching; FLUX's answers with packed latents."""

    def reference(folder: Path, sampler: str) -> torch.Tensor:
        make = flow_references.flux if kind.startswith("Flux") else flow_references.stable_diffusion_3
        pipeline = _quiet(make(kind, folder, sampler, STEPS, tokens=(SIDE // 16) ** 2))
        picture = {"image": _pixels(PHOTO), "strength": 0.5} if begun else {}
        latents = _drawn(pipeline, height=SIDE, width=SIDE, **picture, **options)
        if not kind.startswith("Flux"):
            return latents
        unpacked: torch.Tensor = pipeline._unpack_latents(latents[None], SIDE, SIDE, pipeline.vae_scale_factor)[0]
        return unpacked

    return reference


# --- cases -----------------------------------------------------------------------------------------------------------


def _asking(kind: type[Request], **own: Any) -> Callable[..., Request]:
    sides = {"width": SIDE, "height": SIDE}
    words = {"prompt": WORDS, "negative": AVOIDED, "guidance": GUIDANCE}
    return lambda **values: kind(**{**words, **sides, **own, **values})


_text_to_image = _asking(TextToImage)
_from_picture = _asking(TextToImage, image=PHOTO.digest, strength=0.5)
_inpaint = _asking(Inpaint, image=PHOTO.digest, mask=MASK.digest, fill="noise")
_layout = _asking(LayoutToImage, boxes=BOXES, grounding=0.5)
_vary = _asking(Vary, image=SMALL.digest, likeness=0.7)


def _enlarge(**values: Any) -> Request:
    return SuperResolve(image=SMALL.digest, width=4 * SMALL.width, height=4 * SMALL.height, **values)


XL = "StableDiffusionXL"
CASES = (
    Case("Stable Diffusion", "text to image", _text_to_image, _text(_plain, "StableDiffusionPipeline"),
         (*USUAL, "Heun", "UniPC Karras", "PLMS")),
    Case("Stable Diffusion", "from a picture", _from_picture, _begun(_plain, "StableDiffusionImg2ImgPipeline")),
    Case("Stable Diffusion", "inpainting", _inpaint, _inpainted(_plain, "StableDiffusionInpaintPipeline")),
    Case("Stable Diffusion, inpainting", "inpainting", _inpaint,
         _inpainted(_plain, "StableDiffusionInpaintPipeline")),
    Case("GLIGEN", "layout to image", _layout, _gligen),
    Case("IP-Adapter", "variations", _vary, _prompted_by_picture(_plain, "StableDiffusionPipeline")),
    Case("IP-Adapter Plus", "variations", _vary,
         _prompted_by_picture(_plain, "StableDiffusionPipeline", of_patches=True)),
    Case("IP-Adapter Full", "variations", _vary,
         _prompted_by_picture(_plain, "StableDiffusionPipeline", of_patches=True)),
    Case("LCM", "text to image", _asking(TextToImage), _text(_plain, "StableDiffusionPipeline"),
         ("LCM", "TCD", "Euler")),
    Case("SDXL", "text to image", _text_to_image, _text(_xl, f"{XL}Pipeline")),
    Case("SDXL", "without a negative prompt", _asking(TextToImage, negative=""),
         _text(_xl, f"{XL}Pipeline", negative_prompt=None)),
    Case("SDXL", "from a picture", _from_picture, _begun(_xl, f"{XL}Img2ImgPipeline")),
    Case("SDXL", "inpainting", _inpaint, _inpainted(_xl, f"{XL}InpaintPipeline")),
    Case("SDXL, inpainting", "inpainting", _inpaint, _inpainted(_xl, f"{XL}InpaintPipeline")),
    Case("SDXL, IP-Adapter", "variations", _vary, _prompted_by_picture(_xl, f"{XL}Pipeline")),
    Case("x4 upscaler", "super-resolution", _enlarge, _upscaled, WITHOUT_NOISE),
    Case("image variation", "variations", _asking(Vary, prompt="", image=SMALL.digest), _varied),
    Case("LDM", "text to image", _asking(TextToImage, negative=""), _latent_diffusion, WITHOUT_SCALE),
    Case("LDM, unconditional", "text to image", _asking(TextToImage, prompt="", negative=""), _unconditional,
         WITHOUT_NOISE),
    *(
        case
        for family in ("Stable Diffusion 3", "Stable Diffusion 3.5")
        for case in (
            Case(family, "text to image", _text_to_image, _flow("StableDiffusion3Pipeline"), FLOW_SAMPLERS),
            Case(family, "from a picture", _from_picture, _flow("StableDiffusion3Img2ImgPipeline", begun=True),
                 FLOW_SAMPLERS),
        )
    ),
    Case("FLUX.1 dev", "text to image", _text_to_image, _flow("FluxPipeline", **UNGUIDED), FLOW_SAMPLERS),
    Case("FLUX.1 dev", "from a picture", _from_picture, _flow("FluxImg2ImgPipeline", begun=True, **UNGUIDED),
         ONE_CALL_A_STEP),
    Case("FLUX.1 schnell", "text to image", _text_to_image,
         _flow("FluxPipeline", true_cfg_scale=GUIDANCE, max_sequence_length=256), FLOW_SAMPLERS),
    Case("LDM-SR", "super-resolution", _enlarge, _super_resolved),
)  # fmt: skip


def main() -> int:
    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    diffusers_logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        findings = measure(Path(folder), CASES)
    print(f"| {'family':28} | {'tab':26} | {'sampler':16} | {'alone':8} | {'together':8} |")
    print(f"|{'-' * 30}|{'-' * 28}|{'-' * 18}|{'-' * 10}|{'-' * 10}|")
    for each in findings:
        print(
            f"| {each.case.family:28} | {each.case.tab:26} | {each.sampler:16} | {each.alone:8.1e} "
            f"| {each.together:8.1e} |"
        )
    worst = max(max(each.alone, each.together) for each in findings)
    print(f"\n{len(findings)} pictures; the largest error is {worst:.1e}, {LARGEST:.0e} is the goal.")
    return 0 if worst <= LARGEST else 1


if __name__ == "__main__":
    sys.exit(main())
