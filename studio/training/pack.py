"""Makes the Storybook pack: every stage in turn, then a standard diffusers folder in float16.

    python -m studio.training.pack --preset small               # train what is not trained, then write
    python -m studio.training.pack --preset small --write-only  # write what the checkpoints hold now

Stages resume from their checkpoints, so this can be stopped and started at will.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderKL, DDIMScheduler
from safetensors.torch import save_file

from studio.packs.catalogue import ASSETS, STORYBOOK
from studio.packs.linear_decoder import fit
from studio.packs.loading import PREVIEW_FILE
from studio.training import autoencoder, dataset, denoiser, text_encoder
from studio.training.run import Options, options
from studio.training.tokenizer import stored_tokenizer

STAGES = (autoencoder, text_encoder, denoiser)  # in the order in which they build on each other
SHARD = "9MB"  # plain git on the Hub takes files up to 10 MB
FITTED_ON = 256  # pictures for the preview's linear decoder
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


def write(options: Options, folder: Path) -> None:
    """Writes the averaged weights of all stages into ``folder``, in the layout that diffusers loads."""
    first_stage, storybook = autoencoder.trained(options), denoiser.trained(options)
    preview = _fit_preview(first_stage, options)
    first_stage.half().save_pretrained(folder / "vae", max_shard_size=SHARD)
    storybook.unet.half().save_pretrained(folder / "unet", max_shard_size=SHARD)
    storybook.text.half().save_pretrained(folder / "text_encoder", max_shard_size=SHARD)
    stored_tokenizer(text_encoder.tokenizer_folder(options)).save_pretrained(folder / "tokenizer")
    scheduler = DDIMScheduler(
        **denoiser.NOISE, prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    scheduler.save_pretrained(folder / "scheduler")
    save_file(preview, folder / PREVIEW_FILE)
    index = {**INDEX, "_diffusers_version": diffusers.__version__}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


@torch.no_grad()
def _fit_preview(first_stage: AutoencoderKL, options: Options) -> dict[str, torch.Tensor]:
    pictures = dataset.to_tensor(dataset.unseen(FITTED_ON, options.preset.size)).to(options.device)
    latents = first_stage.encode(pictures).latent_dist.mean
    decoded = first_stage.decode(latents).sample
    linear = fit((latents * first_stage.config.scaling_factor).cpu(), decoded.cpu())
    return {"weight": linear.weight.half(), "bias": linear.bias.half()}


def train_and_write(options: Options, folder: Path) -> None:
    """Every stage from where its checkpoint stands, then the pack."""
    for stage in STAGES:
        stage.train(options)
    write(options, folder)


def main(arguments: list[str]) -> None:
    write_only = "--write-only" in arguments
    chosen = options("pack", [argument for argument in arguments if argument != "--write-only"])
    folder = ASSETS / STORYBOOK
    (write if write_only else train_and_write)(chosen, folder)
    print(f"written to {folder}")


if __name__ == "__main__":
    main(sys.argv[1:])
