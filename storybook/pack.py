"""Makes the Storybook pack: every stage in turn, then a standard diffusers folder in float16.

    python -m storybook.pack --preset small               # train what is not trained, then write
    python -m storybook.pack --preset small --write-only  # write what the checkpoints hold now
    python -m storybook.pack --write-only --to FOLDER     # elsewhere than into the shipped pack

Stages resume from their checkpoints, so this can be stopped and started at will.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from types import ModuleType

import diffusers
import torch
from diffusers import AutoencoderKL, DDIMScheduler, VQModel
from safetensors.torch import save_file

from storybook import (
    autoencoder,
    clip,
    dataset,
    decoder,
    denoiser,
    few_steps,
    image_prompt,
    layout,
    text_encoder,
    upscaler,
    vq_autoencoder,
)
from storybook.run import CHECKPOINT, Options, options, steps_done
from storybook.tokenizer import captions, stored_tokenizer
from studio.models.adapters.clip import PREPROCESSING, TEXT_PROJECTION
from studio.models.adapters.ip_adapter import published
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.autoencoders.previews import fit
from studio.models.catalogue import ASSETS, FEW_STEPS, IMAGE_ENCODER, IMAGE_PROMPT, STORYBOOK, SUPER_RESOLUTION
from studio.models.text.thesaurus import THESAURUS_FILE
from studio.models.text.vocabulary import write_vocabulary
from studio.models.weights.networks import PREVIEW_FILE

# In the order in which they build on each other.
STAGES = (autoencoder, decoder, text_encoder, denoiser, layout, vq_autoencoder, upscaler, clip, image_prompt, few_steps)
STEPS_FILE = "training.json"  # the preset and how many steps each stage had
SHARD = "9MB"  # plain git on the Hub takes files up to 10 MB
FITTED_ON = 256  # pictures, at most, for the preview's linear decoder
INDEX = {
    "_class_name": "StableDiffusionInpaintPipeline",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}

SUPER_RESOLUTION_INDEX = {
    "_class_name": "LDMSuperResolutionPipeline",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "unet": ["diffusers", "UNet2DModel"],
    "vqvae": ["diffusers", "VQModel"],
}


def write(options: Options, folder: Path) -> None:
    """Writes the averaged weights of all stages into ``folder``, in the layout that diffusers loads; without
    super-resolution and image prompts, where these have not been trained yet."""
    first_stage, storybook = decoder.trained(options), denoiser.trained(options)
    preview = _fit_preview(first_stage, options)
    for old in folder.glob("**/*.safetensors*"):  # shards of another size or number would be left over
        old.unlink()
    for part in (SUPER_RESOLUTION, IMAGE_ENCODER):  # which may not be written again
        shutil.rmtree(folder / part, ignore_errors=True)
    first_stage.half().save_pretrained(folder / "vae", max_shard_size=SHARD)
    layout.trained(options).unet.half().save_pretrained(folder / "unet", max_shard_size=SHARD)
    storybook.text.half().save_pretrained(folder / "text_encoder", max_shard_size=SHARD)
    stored_tokenizer(text_encoder.tokenizer_folder(options)).save_pretrained(folder / "tokenizer")
    scheduler = DDIMScheduler(
        **denoiser.NOISE, prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    scheduler.save_pretrained(folder / "scheduler")
    save_file(preview, folder / PREVIEW_FILE)
    write_vocabulary(folder, captions())
    shutil.copy(Path(__file__).parent / THESAURUS_FILE, folder / THESAURUS_FILE)
    names = [name for name in map(_name, STAGES) if (options.folder / name / CHECKPOINT).exists()]
    if _name(upscaler) in names:
        write_super_resolution(options, folder / SUPER_RESOLUTION)
    if _name(image_prompt) in names:
        write_image_prompt(options, folder)
    if _name(few_steps) in names:
        few_steps.write(options, folder / FEW_STEPS)
    steps = {name: steps_done(name, options) for name in names}
    (folder / STEPS_FILE).write_text(json.dumps({"preset": options.preset.name, "steps": steps}, indent=2) + "\n")
    index = {**INDEX, "_diffusers_version": diffusers.__version__}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def _name(stage: ModuleType) -> str:
    return stage.__name__.rpartition(".")[2]


def write_super_resolution(options: Options, folder: Path) -> None:
    """In the layout of ``diffusers.LDMSuperResolutionPipeline``."""
    first_stage = vq_autoencoder.trained(options)
    preview = _fit_preview(first_stage, options)
    upscaler.trained(options).half().save_pretrained(folder / "unet")
    first_stage.half().save_pretrained(folder / "vqvae")
    scheduler = DDIMScheduler(**upscaler.NOISE, prediction_type="v_prediction", clip_sample=False)
    scheduler.save_pretrained(folder / "scheduler")
    save_file(preview, folder / PREVIEW_FILE)
    index = {**SUPER_RESOLUTION_INDEX, "_diffusers_version": diffusers.__version__}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def write_image_prompt(options: Options, folder: Path) -> None:
    """CLIP's vision tower with what its processor does, the text's projection, and the layers for pictures in a file
    of the published layout."""
    model, prompting = clip.trained(options), image_prompt.trained(options)
    model.vision.half().save_pretrained(folder / IMAGE_ENCODER)
    side, middle = options.preset.vision_side, [0.5] * 3
    processing = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": side},
        "crop_size": {"height": side, "width": side},
        "image_mean": middle,
        "image_std": middle,
    }
    (folder / IMAGE_ENCODER / PREPROCESSING).write_text(json.dumps(processing, indent=2) + "\n")
    save_file({"weight": model.text_projection.weight.detach().half()}, folder / TEXT_PROJECTION)
    (folder / IMAGE_PROMPT).parent.mkdir(exist_ok=True)
    save_file(published(prompting.image_proj, prompting.ip_adapter), folder / IMAGE_PROMPT)


@torch.no_grad()
def _fit_preview(model: AutoencoderKL | VQModel, options: Options) -> dict[str, torch.Tensor]:
    pictures = to_pictures(dataset.unseen(min(FITTED_ON, options.preset.scenes), options.preset.size)).to(
        options.device
    )
    encoded = model.encode(pictures)
    latents = encoded.latents if isinstance(model, VQModel) else encoded.latent_dist.mean
    decoded = model.decode(latents).sample
    linear = fit((latents * model.config.scaling_factor).cpu(), decoded.cpu())
    return {"weight": linear.weight.half(), "bias": linear.bias.half()}


def train_and_write(options: Options, folder: Path) -> None:
    """Every stage from where its checkpoint stands, then the pack."""
    for stage in STAGES:
        stage.train(options)
    write(options, folder)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--write-only", action="store_true")
    parser.add_argument("--to", type=Path, default=ASSETS / STORYBOOK)
    parsed, rest = parser.parse_known_args(arguments)
    chosen = options("pack", rest)
    (write if parsed.write_only else train_and_write)(chosen, parsed.to)
    print(f"written to {parsed.to}")


if __name__ == "__main__":
    main()
