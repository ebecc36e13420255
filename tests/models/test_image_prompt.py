"""Pictures steer a row of a call as diffusers' IP-Adapter would, and leave the others alone."""

from __future__ import annotations

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
from diffusers.models.embeddings import (
    IPAdapterFullImageProjection,
    IPAdapterPlusImageProjection,
    MultiIPAdapterImageProjection,
)
from torch import nn

from studio.errors import PackError
from studio.models.adapters.ip_adapter import (
    ImagePrompts,
    add_image_attention,
    published,
    sees_patches,
    take_image_prompt,
)
from tests.miniature import make_image_prompt, make_unet

torch.manual_seed(0)
INPUTS, TIMESTEPS, TEXT = torch.randn(3, 9, 8, 8), torch.tensor([900.0, 500.0, 20.0]), torch.randn(3, 5, 32)
SEEN = torch.randn(3, 32)


def _ours(scale: list[float]) -> torch.Tensor:
    unet = make_unet(takes_boxes=False)
    tokens = make_image_prompt(unet)(SEEN)
    prompts = ImagePrompts(tokens, torch.tensor(scale)[:, None, None])
    return unet(INPUTS, TIMESTEPS, TEXT, cross_attention_kwargs={"ip_hidden_states": prompts}).sample


def _diffusers(scale: float) -> torch.Tensor:
    """The same weights in diffusers' own processors, whose scale is one for the whole module."""
    unet = make_unet(takes_boxes=False)
    projection, layers = make_image_prompt(unet), {}
    for name, processor in unet.attn_processors.items():
        if name.endswith("attn2.processor"):
            inner, width = processor.to_k_ip.weight.shape
            layers[name] = IPAdapterAttnProcessor2_0(inner, width, num_tokens=(4,), scale=scale)
            layers[name].to_k_ip[0], layers[name].to_v_ip[0] = processor.to_k_ip, processor.to_v_ip
        else:
            layers[name] = processor
    unet.set_attn_processor(layers)
    unet.encoder_hid_proj = MultiIPAdapterImageProjection([projection])
    unet.config.encoder_hid_dim_type = "ip_image_proj"
    return unet(INPUTS, TIMESTEPS, TEXT, added_cond_kwargs={"image_embeds": [SEEN[:, None]]}).sample


@pytest.mark.parametrize("scale", [0.0, 0.6, 1.0])
def test_a_picture_steers_as_it_does_in_diffusers(scale: float) -> None:
    assert torch.allclose(_ours([scale] * 3), _diffusers(scale), rtol=1e-5, atol=1e-5)


def test_each_row_of_a_call_is_steered_by_a_strength_of_its_own() -> None:
    mixed = _ours([0.0, 1.0, 0.3])
    for row, scale in enumerate((0.0, 1.0, 0.3)):
        assert torch.allclose(mixed[row], _ours([scale] * 3)[row], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(_ours([1.0] * 3), _ours([0.0] * 3), atol=1e-2), "the picture does nothing"


def test_a_row_without_a_picture_is_as_it_was_before_there_were_any() -> None:
    plain = make_unet(takes_boxes=False)(INPUTS, TIMESTEPS, TEXT).sample
    assert torch.equal(_ours([0.0, 1.0, 0.0])[0], _ours([0.0] * 3)[0])
    assert torch.allclose(_ours([0.0] * 3), plain, rtol=1e-6, atol=1e-6)


def test_the_file_of_weights_has_the_published_layout_and_is_read_again() -> None:
    """Names and shapes as in the files that IP-Adapter's authors publish, which diffusers' loader expects, too."""
    unet = make_unet(takes_boxes=True)
    bare = copy.deepcopy(unet)
    projection = make_image_prompt(unet)
    layers = add_image_attention(copy.deepcopy(bare))
    weights = published(projection, layers)
    crossings = sum(name.endswith("attn2.processor") for name in bare.attn_processors)
    numbers = sorted({int(key.split(".")[1]) for key in weights if key.startswith("ip_adapter.")})
    assert numbers == list(range(1, 2 * crossings, 2))
    assert {key for key in weights if key.startswith("image_proj.")} == {
        "image_proj.proj.weight", "image_proj.proj.bias", "image_proj.norm.weight", "image_proj.norm.bias"
    }  # fmt: skip
    assert set(weights) >= {"ip_adapter.1.to_k_ip.weight", "ip_adapter.1.to_v_ip.weight"}
    read = take_image_prompt(bare, weights)
    assert torch.allclose(read(SEEN), projection.half().float()(SEEN), atol=1e-5)
    for name, value in layers.state_dict().items():
        assert torch.equal(weights[f"ip_adapter.{name}"], value.half())


@pytest.mark.parametrize(
    "projection",
    [
        IPAdapterPlusImageProjection(24, 32, hidden_dims=128, depth=4, heads=2, num_queries=6),
        IPAdapterFullImageProjection(24, 32),
    ],
    ids=["Plus", "Full"],
)
def test_layers_that_see_patches_are_written_as_published_and_read_as_diffusers_reads_them(
    projection: nn.Module,
) -> None:
    unet, patches = make_unet(takes_boxes=False), torch.randn(2, 7, 24)
    weights = published(projection, add_image_attention(copy.deepcopy(unet)))
    expected = copy.deepcopy(projection).half().float()(patches)
    part = {key.removeprefix("image_proj."): value for key, value in weights.items() if key.startswith("image_proj.")}
    convert = UNet2DConditionModel._convert_ip_adapter_image_proj_to_diffusers
    theirs = convert(unet, {key: value.float() for key, value in part.items()}, low_cpu_mem_usage=False)
    assert torch.allclose(theirs(patches), expected, atol=1e-5)
    ours = take_image_prompt(unet, weights)
    assert sees_patches(ours)
    assert torch.allclose(ours(patches), expected, atol=1e-5)


def test_layers_of_another_kind_are_refused_in_words() -> None:
    faces = {"image_proj.proj.0.weight": torch.zeros(64, 32), "image_proj.proj.2.weight": torch.zeros(64, 64)}
    with pytest.raises(PackError, match="IP-Adapter, Plus and Full"):
        take_image_prompt(make_unet(takes_boxes=False), faces)
