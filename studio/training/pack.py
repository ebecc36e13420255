"""Makes the Storybook pack: every stage in turn, then a standard diffusers folder in float16.

    python -m studio.training.pack --preset small               # train what is not trained, then write
    python -m studio.training.pack --preset small --write-only  # write what the checkpoints hold now
    python -m studio.training.pack --write-only --to FOLDER     # elsewhere than into the shipped pack

Stages resume from their checkpoints, so this can be stopped and started at will.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderKL, DDIMScheduler
from safetensors.torch import save_file

from studio.packs.catalogue import ASSETS, STORYBOOK
from studio.packs.first_stage import to_pictures
from studio.packs.linear_decoder import fit
from studio.packs.loading import PREVIEW_FILE
from studio.packs.vocabulary import write_vocabulary
from studio.training import autoencoder, dataset, denoiser, layout, text_encoder
from studio.training.run import Options, options, steps_done
from studio.training.tokenizer import captions, stored_tokenizer

STAGES = (autoencoder, text_encoder, denoiser, layout)  # in the order in which they build on each other
STEPS_FILE = "training.json"  # the preset and how many steps each stage had
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
    for old in folder.glob("*/*.safetensors*"):  # shards of another size or number would be left over
        old.unlink()
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
    steps = {stage: steps_done(stage, options) for stage in ("autoencoder", "text_encoder", "denoiser", "layout")}
    (folder / STEPS_FILE).write_text(json.dumps({"preset": options.preset.name, "steps": steps}, indent=2) + "\n")
    index = {**INDEX, "_diffusers_version": diffusers.__version__}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


@torch.no_grad()
def _fit_preview(first_stage: AutoencoderKL, options: Options) -> dict[str, torch.Tensor]:
    pictures = to_pictures(dataset.unseen(FITTED_ON, options.preset.size)).to(options.device)
    latents = first_stage.encode(pictures).latent_dist.mean
    decoded = first_stage.decode(latents).sample
    linear = fit((latents * first_stage.config.scaling_factor).cpu(), decoded.cpu())
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
    given, rest = parser.parse_known_args(arguments)
    chosen = options("pack", rest)
    (write if given.write_only else train_and_write)(chosen, given.to)
    print(f"written to {given.to}")


if __name__ == "__main__":
    main()
