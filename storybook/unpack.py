"""Makes checkpoints of the shipped pack, so that training goes on from it where the run's own folder is gone.

    python -m storybook.unpack --preset small
    python -m storybook.denoiser --preset small --steps 24000     # more than training.json says it has had

What a pack does not hold starts anew: the optimisers' states, the towers' classifiers, the scale of CLIP's logits, and
what the average knows beyond the weights themselves. Checkpoints that are there already are left alone.

Where the pack was trained on another world (its tokenizer has other words), only what knows no words goes on from where
it was: both first stages and the upscaler. The text encoder is trained anew, and the denoiser and its layers begin
their first step with the pack's weights: they can draw already, and learn new words faster than from nothing. Where the
preset's first stage has more latent channels than the pack's, it begins with the pack's as the first of them; where its
denoiser has attention at the finest level and the pack's has none, that says nothing at first.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UNet2DModel, VQModel
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPTextModel, CLIPVisionModelWithProjection, PreTrainedTokenizerFast

from storybook import autoencoder, clip, decoder, denoiser, few_steps, image_prompt, layout, reader, text_encoder
from storybook.pack import STEPS_FILE
from storybook.presets import Stage
from storybook.run import CHECKPOINT, START, Options, Run, options
from storybook.tokenizer import make_tokenizer, stored_tokenizer
from studio.models.adapters.clip import TEXT_PROJECTION
from studio.models.adapters.ip_adapter import LAYERS, image_attentions, load_published
from studio.models.catalogue import ASSETS, FEW_STEPS, IMAGE_ENCODER, IMAGE_PROMPT, STORYBOOK, SUPER_RESOLUTION
from studio.models.weights.folder import read_json

READER = "reader.safetensors"  # among what is kept of an unfinished run; a pack has none
SMALL = 0.2  # of the usual first weights, for channels that the pack does not have


def unpack(pack: Path, options: Options) -> None:
    """Writes the checkpoints of all stages into ``options.folder``.

    Raises ``ValueError`` where the pack was made with another preset.
    """
    made = json.loads((pack / STEPS_FILE).read_text())
    if made["preset"] != options.preset.name:
        raise ValueError(f"{pack} was made with the preset {made['preset']!r}, not {options.preset.name!r}.")
    for name, (model, stage) in _first_stages(pack, options).items():
        _write_checkpoint(name, model, stage, made["steps"], options)
    has_other_latents = (pack / "vae").is_dir() and _latent_channels(pack) != options.preset.latent_channels
    if has_other_latents and "autoencoder" in made["steps"]:
        _write_start("autoencoder", _widened(pack, options), options)
    if (pack / READER).is_file():
        _write_checkpoint("reader", reader.load(pack / READER), options.preset.reader, made["steps"], options)
    if not (pack / "tokenizer").is_dir():
        return
    is_same_world = not has_other_latents and _words(pack / "tokenizer") == make_tokenizer().get_vocab()
    print("the same world: all goes on" if is_same_world else "another world: what reads words begins anew")
    tokenizer = stored_tokenizer(text_encoder.tokenizer_folder(options))
    models: dict[str, tuple[nn.Module, Stage]] = {}
    text = None
    if is_same_world and (pack / "text_encoder").is_dir():
        text = CLIPTextModel.from_pretrained(pack / "text_encoder")
        captions = text_encoder.build(options, tokenizer)
        captions.encoder.load_state_dict(text.state_dict())
        models["text_encoder"] = captions, options.preset.text
    if is_same_world and (pack / IMAGE_ENCODER).is_dir():
        models["clip"] = _clip(pack, options), options.preset.clip
    if (pack / "unet").is_dir():
        models |= _denoisers(pack, text, options)
    for name, (model, stage) in models.items():
        if is_same_world:
            _write_checkpoint(name, model, stage, made["steps"], options)
        elif name in made["steps"]:
            _write_start(name, model.state_dict(), options)


def _denoisers(pack: Path, text: CLIPTextModel | None, options: Options) -> dict[str, tuple[nn.Module, Stage]]:
    """The denoiser, with its text encoder where it reads the words of this world, and the layers in it."""
    shipped = UNet2DConditionModel.from_pretrained(pack / "unet")
    base = _grown(shipped, options)
    boxes = layout.GatedLayers(layout.gated(copy.deepcopy(base)))
    boxes.unet.load_state_dict(_beside(shipped.state_dict(), base.state_dict()), strict=False)
    models: dict[str, tuple[nn.Module, Stage]] = {
        "denoiser": (nn.ModuleDict({"unet": base}) if text is None else denoiser.Storybook(base, text),
                     options.preset.denoiser),
        "layout": (boxes, options.preset.layout),
    }  # fmt: skip
    if (pack / FEW_STEPS).is_file():
        student = few_steps.FewSteps(copy.deepcopy(base))
        student.load_lora(load_file(pack / FEW_STEPS))
        models["few_steps"] = student, options.preset.few_steps
    if (pack / IMAGE_PROMPT).is_file():
        weights = load_file(pack / IMAGE_PROMPT)
        if "image_proj.latents" in weights:  # the first packs had one embedding of the whole picture
            models["image_prompt"] = _image_prompt(shipped, base, weights, options), options.preset.image_prompt
    return models


def _beside(weights: Mapping[str, torch.Tensor], base: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Those of ``weights`` that are no part of ``base``: of layers in it that were trained later."""
    return {key: value for key, value in weights.items() if key not in base}


def _grown(shipped: UNet2DConditionModel, options: Options) -> UNet2DConditionModel:
    """The preset's U-Net, without layers for boxes, that draws what ``shipped`` does: channels of the pack's latents
    come first, and attention that the pack has not adds nothing at first."""
    torch.manual_seed(2)
    unet = UNet2DConditionModel(**options.preset.denoiser_config())
    own, weights = unet.state_dict(), shipped.state_dict()
    if shipped.config.out_channels != options.preset.latent_channels:
        weights |= _with_more_channels(weights, own)
    for name, part in unet.named_modules():
        if isinstance(part, Transformer2DModel) and f"{name}.proj_out.weight" not in weights:
            own |= {
                f"{name}.proj_out.{key}": torch.zeros_like(value) for key, value in part.proj_out.state_dict().items()
            }
    unet.load_state_dict(own | {key: value for key, value in weights.items() if key in own})
    return unet


def _image_prompt(
    shipped: UNet2DConditionModel, base: UNet2DConditionModel, weights: dict[str, torch.Tensor], options: Options
) -> image_prompt.ImagePrompt:
    """The layers for pictures. They are numbered in the order of the attentions that they belong to, so they have other
    numbers in a U-Net with more attentions, whose own layers then find nothing at first."""
    model = image_prompt.ImagePrompt(copy.deepcopy(base), options.preset.vision_width)
    layers = {name: number for number, name in image_attentions(shipped)}
    own = {f"{LAYERS}.{key}": value for key, value in model.ip_adapter.state_dict().items()}
    published = {key: value for key, value in weights.items() if not key.startswith(f"{LAYERS}.")}
    for number, name in image_attentions(base):
        for part in ("to_k_ip.weight", "to_v_ip.weight"):
            key = f"{LAYERS}.{number}.{part}"
            known = weights.get(f"{LAYERS}.{layers.get(name)}.{part}")
            nothing = torch.zeros_like(own[key]) if "to_v" in part else own[key]
            published[key] = nothing if known is None else known
    load_published(model.image_proj, model.ip_adapter, published)
    return model


def _write_start(name: str, weights: Mapping[str, torch.Tensor], options: Options) -> None:
    (options.folder / name).mkdir(parents=True, exist_ok=True)
    torch.save({key: value.float() for key, value in weights.items()}, options.folder / name / START)
    print(f"{name}: begins with weights of the pack")


def _latent_channels(pack: Path) -> int:
    return int(read_json(pack / "vae" / "config.json")["latent_channels"])


def _widened(pack: Path, options: Options) -> dict[str, torch.Tensor]:
    """The pack's first stage with the preset's latent channels: its own come first, and do what they did."""
    old = AutoencoderKL.from_pretrained(pack / "vae").state_dict()
    few, many = _latent_channels(pack), options.preset.latent_channels
    weights = autoencoder.build(options).state_dict()
    for key, value in weights.items():
        if value.shape == old[key].shape:
            weights[key] = old[key]
            continue
        # Means come first, then the logarithms of variances; a convolution of one pixel begins as the identity.
        rows = [*range(few), *range(many, many + few)] if "quant_conv" in key or "encoder" in key else [*range(few)]
        rows = [*range(few)] if key.startswith("post_quant") else rows
        columns = rows if key.startswith("quant_conv") else [*range(few)]
        wide = torch.eye(len(value)).reshape(value.shape) if value.shape[2:] == (1, 1) else SMALL * value
        wide = torch.zeros_like(value) if value.dim() == 1 else wide
        if key.startswith("decoder"):
            wide[:, :few] = old[key]
        elif key.startswith("encoder") or value.dim() == 1:
            wide[rows] = old[key]
        else:
            wide[torch.tensor(rows)[:, None], torch.tensor(columns)] = old[key]
        weights[key] = wide
    return weights


def _with_more_channels(old: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The first and last convolution of ``old`` for as many latent channels as ``own`` has: the pack's come first, and
    do what they did."""
    few, many = len(old["conv_out.weight"]), len(own["conv_out.weight"])
    into = SMALL * own["conv_in.weight"]  # of latent, mask and masked latent
    into[:, [*range(few), many, *range(many + 1, many + 1 + few)]] = old["conv_in.weight"]
    out, bias = SMALL * own["conv_out.weight"], torch.zeros(many)
    out[:few], bias[:few] = old["conv_out.weight"], old["conv_out.bias"]
    return {"conv_in.weight": into, "conv_out.weight": out, "conv_out.bias": bias}


def _words(tokenizer: Path) -> dict[str, int]:
    return PreTrainedTokenizerFast.from_pretrained(tokenizer).get_vocab()


def _first_stages(pack: Path, options: Options) -> dict[str, tuple[nn.Module, Stage]]:
    """What reads no words, as far as the pack has it."""
    models: dict[str, tuple[nn.Module, Stage]] = {}
    if (pack / "vae").is_dir() and _latent_channels(pack) == options.preset.latent_channels:
        first_stage = AutoencoderKL.from_pretrained(pack / "vae")
        models["autoencoder"] = first_stage, options.preset.autoencoder
        models["decoder"] = decoder.Decoder(first_stage), options.preset.decoder
    if (fine := pack / SUPER_RESOLUTION).is_dir():
        models["vq_autoencoder"] = VQModel.from_pretrained(fine / "vqvae"), options.preset.vq
        models["upscaler"] = UNet2DModel.from_pretrained(fine / "unet"), options.preset.upscaler
    return models


def _write_checkpoint(name: str, model: nn.Module, stage: Stage, steps: Mapping[str, int], options: Options) -> None:
    if name not in steps:
        return
    if (options.folder / name / CHECKPOINT).exists():
        print(f"{name}: has a checkpoint already, left alone")
        return
    (options.folder / name / START).unlink(missing_ok=True)  # of another pack: it would take this one's place
    run = Run(name, model.float(), stage, options)
    run.step = run.begun = steps[name]
    run.save()
    print(f"{name}: {run.step} steps")


def _clip(pack: Path, options: Options) -> clip.Clip:
    model = clip.build(options)
    model.vision.load_state_dict(CLIPVisionModelWithProjection.from_pretrained(pack / IMAGE_ENCODER).state_dict())
    model.text_projection.load_state_dict(load_file(pack / TEXT_PROJECTION))
    return model


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--pack", type=Path, default=ASSETS / STORYBOOK)
    parsed, rest = parser.parse_known_args(arguments)
    unpack(parsed.pack, options("unpack", rest))


if __name__ == "__main__":
    main()
