"""What a LoRA adds is what its format's formula says, on every kind of layer: rank and alpha are each layer's own. Merged
weights are computed here in NumPy, from the papers and LyCORIS' guide, and put into copies of the models."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks import checkpoints
from studio.errors import InvalidRequest
from studio.models.adapters.lora import Loras
from studio.models.adapters.lora_names import LayerNames
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.prompts import Lora

pytestmark = pytest.mark.slow

Parts = dict[str, torch.Tensor]
Made = tuple[Parts, np.ndarray]  # what the file says of a layer, and what its weight then is


@pytest.fixture(scope="module", params=["Stable Diffusion", "SDXL"])
def pack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    folder = tmp_path_factory.mktemp("packs") / "tiny"
    checkpoints.write(request.param, folder)
    return load_pack(find_pack(str(folder)), torch.device("cpu"))


class Maker:
    """Draws the parts of each layer, whose ``number`` makes its rank and alpha."""

    def __init__(self) -> None:
        self.generator, self.number = torch.Generator().manual_seed(0), 0

    def normal(self, *shape: int) -> torch.Tensor:
        return 0.1 * torch.randn(*shape, generator=self.generator)

    def next(self) -> tuple[int, float]:
        self.number += 1
        rank = 2 + self.number % 5
        return rank, rank * (0.25 + self.number % 3)


def _lora(make: Maker, weight: np.ndarray, *, alpha: bool = True) -> Made:
    rank, scale = make.next()
    kernel = weight.shape[2:]
    parts = {
        "lora_down.weight": make.normal(rank, weight.shape[1], *kernel),
        "lora_up.weight": make.normal(weight.shape[0], rank, *[1] * len(kernel)),
    }
    down, up = (parts[f"lora_{each}.weight"].numpy() for each in ("down", "up"))
    added = np.tensordot(up.reshape(len(up), rank), down, 1)
    if alpha:
        parts["alpha"] = torch.tensor(scale)
    return parts, weight + added * (scale / rank if alpha else 1)


def _core(make: Maker, weight: np.ndarray) -> Made:
    if weight.shape[2:] != (3, 3):
        return _lora(make, weight)
    rank, scale = make.next()
    down, up = make.normal(rank, weight.shape[1], 1, 1), make.normal(weight.shape[0], rank, 1, 1)
    core = make.normal(rank, rank, 3, 3)
    added = np.einsum("or,rsxy,si->oixy", up[:, :, 0, 0], core, down[:, :, 0, 0])
    parts = {"lora_down.weight": down, "lora_up.weight": up, "lora_mid.weight": core, "alpha": torch.tensor(scale)}
    return parts, weight + scale / rank * added


def _loha(make: Maker, weight: np.ndarray) -> Made:
    rank, scale = make.next()
    columns = weight[0].size
    shapes = {
        "w1_a": (len(weight), rank),
        "w1_b": (rank, columns),
        "w2_a": (len(weight), rank),
        "w2_b": (rank, columns),
    }
    parts = {f"hada_{name}": make.normal(*shape) for name, shape in shapes.items()} | {"alpha": torch.tensor([scale])}
    a1, b1, a2, b2 = (parts[f"hada_{name}"].numpy() for name in shapes)
    return parts, weight + scale / rank * ((a1 @ b1) * (a2 @ b2)).reshape(weight.shape)


def _loha_core(make: Maker, weight: np.ndarray) -> Made:
    if weight.shape[2:] != (3, 3):
        return _loha(make, weight)
    rank, scale = make.next()
    parts = {"alpha": torch.tensor(scale)}
    added: Any = 1
    for which in "12":
        a, b, core = make.normal(rank, len(weight)), make.normal(rank, weight.shape[1]), make.normal(rank, rank, 3, 3)
        parts |= {f"hada_w{which}_a": a, f"hada_w{which}_b": b, f"hada_t{which}": core}
        added = added * np.einsum("rsxy,ro,si->oixy", core, a, b)
    return parts, weight + scale / rank * added


def _lokr(make: Maker, weight: np.ndarray) -> Made:
    """By turns: both whole, the second as a product, both as products."""
    rank, scale = make.next()
    (out, into), rest = (weight.shape[0], weight.shape[1]), weight.shape[2:]
    by = 4 if out % 4 == 0 and into % 4 == 0 else 1
    columns, kind = into // by * int(np.prod(rest)), make.number % 3
    first_parts = {"lokr_w1": make.normal(by, by)}
    first = first_parts["lokr_w1"].numpy()
    if kind == 2:
        first_parts = {"lokr_w1_a": make.normal(by, rank), "lokr_w1_b": make.normal(rank, by)}
        first = first_parts["lokr_w1_a"].numpy() @ first_parts["lokr_w1_b"].numpy()
    second_parts = {"lokr_w2": make.normal(out // by, into // by, *rest)}
    second = second_parts["lokr_w2"].numpy().reshape(out // by, into // by, -1)
    if kind:
        second_parts = {"lokr_w2_a": make.normal(out // by, rank), "lokr_w2_b": make.normal(rank, columns)}
        second = (second_parts["lokr_w2_a"] @ second_parts["lokr_w2_b"]).numpy().reshape(out // by, into // by, -1)
    added = np.einsum("ab,cdk->acbdk", first, second).reshape(weight.shape)
    alpha = scale if kind else 1e6  # LyCORIS writes a rank that it did not use
    parts = {**first_parts, **second_parts, "alpha": torch.tensor(alpha)}
    return parts, weight + (scale / rank if kind else 1) * added


def _lokr_core(make: Maker, weight: np.ndarray) -> Made:
    if weight.shape[2:] != (3, 3) or weight.shape[0] % 4 or weight.shape[1] % 4:
        return _lokr(make, weight)
    rank, scale = make.next()
    first, core = make.normal(4, 4), make.normal(rank, rank, 3, 3)
    a, b = make.normal(rank, weight.shape[0] // 4), make.normal(rank, weight.shape[1] // 4)
    added = np.einsum("ab,rsxy,rc,sd->acbdxy", first, core, a, b).reshape(weight.shape)
    parts = {"lokr_w1": first, "lokr_t2": core, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": torch.tensor(scale)}
    return parts, weight + scale / rank * added


def _full(make: Maker, weight: np.ndarray) -> Made:
    added = make.normal(*weight.shape)
    return {"diff": added}, weight + added.numpy()


def _dora(make: Maker, weight: np.ndarray, inputs: bool = False, plain: Callable[..., Made] = _lora) -> Made:
    """``inputs``: as LyCORIS has it without ``wd_on_out``."""
    parts, merged = plain(make, weight)
    axes = tuple(axis for axis in range(weight.ndim) if axis != inputs)
    norms = np.sqrt((merged**2).sum(axes, keepdims=True))
    magnitude = norms * (1 + np.abs(make.normal(*norms.shape).numpy()))
    return {**parts, "dora_scale": torch.tensor(magnitude)}, merged * (magnitude / norms)


def _dora_loha(make: Maker, weight: np.ndarray) -> Made:
    return _dora(make, weight, plain=_loha)


def _dora_of_inputs(make: Maker, weight: np.ndarray) -> Made:
    return _dora(make, weight, inputs=True)


def _lora_without_alpha(make: Maker, weight: np.ndarray) -> Made:
    return _lora(make, weight, alpha=False)


FORMATS = (
    _lora,
    _lora_without_alpha,
    _core,
    _loha,
    _loha_core,
    _lokr,
    _lokr_core,
    _full,
    _dora,
    _dora_of_inputs,
    _dora_loha,
)


def kohya(number: int, name: str, part: str) -> str:
    return f"{('lora_unet_', 'lora_te1_', 'lora_te2_')[number]}{name.replace('.', '_')}.{part}"


def ai_toolkit(number: int, name: str, part: str) -> str:
    """Dots within layers, kohya's prefixes in front, peft's names for what is a LoRA."""
    part = part.replace("lora_down", "lora_A").replace("lora_up", "lora_B")
    return f"{('diffusion_model.', 'text_encoder.', 'text_encoder_2.')[number]}{name}.{part}"


def _models(pack: Pack) -> list[nn.Module]:
    return [pack.denoiser.network, *(tower.model for tower in pack.text.towers)]


def _published(number: int, name: str) -> str:
    """transformers has dropped a level of names that all files have."""
    return name if number == 0 or name.startswith("text_") else f"text_model.{name}"


def _said(models: list[nn.Module]) -> list[torch.Tensor]:
    """What the models give for one input; each text encoder's states and pooled output."""
    unet, *texts = models
    generator = torch.Generator().manual_seed(3)
    config = unet.config
    words = torch.randn(2, 7, config.cross_attention_dim, generator=generator)
    told: Any = {}
    if config.addition_embed_type:
        pooled = torch.randn(2, 32, generator=generator)
        told = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": torch.rand(2, 6, generator=generator)}}
    with torch.inference_mode():
        picture = unet(torch.randn(2, 4, 8, 8, generator=generator), torch.tensor([9.0, 700.0]), words, **told).sample
        return [picture, *(model(torch.arange(49400, 49408)[None])[0] for model in texts)]


def _off(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    return max(float((a - b).norm() / b.norm()) for a, b in zip(found, expected, strict=True))


def _file(pack: Pack, file: Path, form: Callable[..., Made], naming: Callable[..., str]) -> list[nn.Module]:
    """Writes a file with every layer of every model. Returns copies of the models into which it is merged."""
    make, tensors, merged = Maker(), {}, [copy.deepcopy(model) for model in _models(pack)]
    for number, model in enumerate(merged):
        for name, layer in model.named_modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)) and "position_net" not in name:
                parts, weight = form(make, layer.weight.detach().numpy().copy())
                layer.weight = nn.Parameter(torch.from_numpy(np.asarray(weight, np.float32)), requires_grad=False)
                tensors |= {naming(number, _published(number, name), part): value for part, value in parts.items()}
    save_file({name: value.contiguous() for name, value in tensors.items()}, file)
    return merged


@pytest.fixture
def loras(pack: Pack, tmp_path: Path) -> Iterator[Loras]:
    """Those in ``tmp_path``; none is on afterwards."""
    found = Loras(tmp_path, pack.denoiser.network, pack.text.towers, words=[{} for _ in pack.text.towers])
    yield found
    found.set_adapters(())


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.__name__)
def test_each_format_adds_what_its_formula_says(
    pack: Pack, loras: Loras, tmp_path: Path, form: Callable[..., Made]
) -> None:
    before = _said(_models(pack))
    merged = _said(_file(pack, tmp_path / "x.safetensors", form, kohya))
    loras.set_adapters((Lora("x"),))
    assert _off(_said(_models(pack)), merged) < 1e-4
    assert _off(before, merged) > 1e-2
    loras.set_adapters(())
    assert all(torch.equal(a, b) for a, b in zip(_said(_models(pack)), before, strict=True))


@pytest.mark.parametrize("form", [_lora, _dora, _lokr], ids=lambda form: form.__name__)
def test_names_with_dots_are_the_same(pack: Pack, loras: Loras, tmp_path: Path, form: Callable[..., Made]) -> None:
    merged = _said(_file(pack, tmp_path / "x.safetensors", form, ai_toolkit))
    loras.set_adapters((Lora("x"),))
    assert _off(_said(_models(pack)), merged) < 1e-4


def test_scales_weigh_the_difference_and_those_of_several_add_up(pack: Pack, loras: Loras, tmp_path: Path) -> None:
    """Whatever the format; DoRA's magnitude is not the pack's at any scale but 1."""
    files = [_file(pack, tmp_path / f"{name}.safetensors", form, kohya) for name, form in (("a", _dora), ("b", _loha))]
    expected = [copy.deepcopy(model) for model in _models(pack)]
    for number, model in enumerate(expected):
        for name, weight in model.named_parameters():
            for merged, scale in zip(files, (0.5, -0.25), strict=True):
                text = {0.5: 0.125, -0.25: -0.25}[scale]
                own = dict(_models(pack)[number].named_parameters())[name]
                weight.add_((text if number else scale) * (dict(merged[number].named_parameters())[name] - own))
    loras.set_adapters((Lora("a", 0.5, 0.125), Lora("b", -0.25)))
    assert _off(_said(_models(pack)), _said(expected)) < 1e-4


def test_norms_and_biases_of_full_differences_act(pack: Pack, loras: Loras, tmp_path: Path) -> None:
    make, tensors, merged = Maker(), {}, [copy.deepcopy(model) for model in _models(pack)]
    for number, model in enumerate(merged):
        for name, layer in model.named_modules():
            is_norm = isinstance(layer, (nn.GroupNorm, nn.LayerNorm))
            if not is_norm and not (isinstance(layer, (nn.Linear, nn.Conv2d)) and layer.bias is not None):
                continue
            weight, bias = make.normal(*layer.weight.shape), make.normal(*layer.bias.shape)
            parts = {"w_norm": weight, "b_norm": bias} if is_norm else {"diff": weight, "diff_b": bias}
            layer.weight.add_(weight), layer.bias.add_(bias)
            tensors |= {kohya(number, _published(number, name), part): value for part, value in parts.items()}
    save_file(tensors, tmp_path / "x.safetensors")
    loras.set_adapters((Lora("x"),))
    assert _off(_said(_models(pack)), _said(merged)) < 1e-4


def test_peft_tells_alphas_in_the_header(pack: Pack, loras: Loras, tmp_path: Path) -> None:
    """As diffusers' trainers write them; without, an alpha is the rank."""
    (layer, other), generator = ("mid_block.attentions.0.transformer_blocks.0.attn1.to_q", "conv_in"), Maker()
    layers = dict(pack.denoiser.network.named_modules())
    tensors, expected = {}, copy.deepcopy(pack.denoiser.network)
    for name, scale in ((layer, 3 / 6**0.5), (other, 12 / 6**0.5)):
        shape = layers[name].weight.shape
        down, up = generator.normal(6, *shape[1:]), generator.normal(shape[0], 6, *[1] * (len(shape) - 2))
        tensors |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
        added = scale * (up.flatten(1) @ down.flatten(1)).reshape(shape)
        dict(expected.named_modules())[name].weight.add_(added)
    told = {"unet.r": 6, "unet.lora_alpha": 3, "unet.use_rslora": True, "unet.alpha_pattern": {other: 12}}
    save_file(tensors, tmp_path / "x.safetensors", {"lora_adapter_metadata": json.dumps(told)})
    loras.set_adapters((Lora("x"),))
    merged = [expected, *_models(pack)[1:]]
    assert _off(_said(_models(pack)), _said(merged)) < 1e-4


@pytest.mark.parametrize("family", ["Stable Diffusion", "SDXL"])
def test_layers_are_found_by_the_names_of_single_files(family: str, tmp_path: Path) -> None:
    """As Stable Diffusion XL's LoRAs name them: by the weights that single files have at these names."""
    file = checkpoints.write_original(family, tmp_path / "x.safetensors")
    unet = load_pack(find_pack(str(file)), torch.device("cpu")).denoiser.network
    names, begin, found = LayerNames(unet, ()), "model.diffusion_model.", 0
    for key, value in load_file(file).items():
        if not key.startswith(begin) or not key.endswith(".weight"):
            continue
        for name in (key, f"lora_unet_{key.removeprefix(begin).replace('.', '_')}"):
            place = names.find(name.removesuffix(".weight").removesuffix("_weight"))
            assert place is not None, name
            assert torch.equal(place[1].weight.flatten(), value.flatten()), name
        found += 1
    assert found == sum(hasattr(layer, "weight") for layer in unet.modules())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_small_types_are_read(pack: Pack, loras: Loras, tmp_path: Path, dtype: torch.dtype) -> None:
    _file(pack, tmp_path / "plain.safetensors", _lora, kohya)
    small = {name: value.to(dtype) for name, value in load_file(tmp_path / "plain.safetensors").items()}
    save_file(small, tmp_path / "small.safetensors")
    save_file({name: value.float() for name, value in small.items()}, tmp_path / "plain.safetensors")
    said = []
    for name in ("plain", "small"):
        loras.set_adapters((Lora(name),))
        said.append(_said(_models(pack)))
    assert _off(*said) < 1e-6


def _q(**parts: torch.Tensor) -> Parts:
    return {
        f"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.{name}": part for name, part in parts.items()
    }


DOWN, UP = torch.full((4, 64), 0.1), torch.full((64, 4), 0.1)
LORA = {"lora_down.weight": DOWN, "lora_up.weight": UP}


@pytest.mark.parametrize(
    ("alpha", "scale"), [(torch.tensor(0.0), 1), (torch.tensor([2.0]), 0.5), (torch.tensor(2), 0.5), (None, 1)]
)  # fmt: skip
def test_every_way_to_write_alpha_is_read(
    pack: Pack, loras: Loras, tmp_path: Path, alpha: torch.Tensor | None, scale: float
) -> None:
    """0 is the rank, as the trainer says that writes it."""
    save_file(_q(**LORA, **({} if alpha is None else {"alpha": alpha})), tmp_path / "x.safetensors")
    loras.set_adapters((Lora("x"),))
    said = _said(_models(pack))
    loras.set_adapters(())
    merged = copy.deepcopy(pack.denoiser.network)
    merged.mid_block.attentions[0].transformer_blocks[0].attn1.to_q.weight.add_(scale * UP @ DOWN)
    assert _off(said, _said([merged, *_models(pack)[1:]])) < 1e-4


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        (_q(**LORA, alpha=torch.tensor(float("nan"))), "not finite"),
        (_q(**LORA, **{"oft_blocks": torch.ones(2, 2, 2)}), "kind OFT"),
        (_q(**{"a1.weight": DOWN, "b1.weight": UP}), "kind GLoRA"),
        (_q(weight=DOWN, on_input=torch.tensor(True)), r"kind \(IA\)3"),
        ({**_q(**LORA), "lora_unet_nowhere.lora_down.weight": DOWN}, "1 layers that this pack lacks, such as lora_unet_nowhere"),
        (_q(**{"lora_down.weight": DOWN}), "up of .* is missing"),
        (_q(**{"lora_down.weight": DOWN, "lora_up.weight": UP[:, :3]}), "made for other models"),
        (_q(**{"lora_down.weight": DOWN[:, :8], "lora_up.weight": UP}), "made for other models"),
        (_q(**LORA, dora_scale=torch.ones(9, 1)), "made for other models"),
        ({**_q(**LORA), "lora_te2_x.lora_down.weight": DOWN}, "made for Stable Diffusion XL"),
        ({"lora_unet_x_attn2_to_k.lora_down.weight": torch.ones(4, 2048)}, "made for Stable Diffusion XL"),
        ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": DOWN}, "made for FLUX"),
        ({"emb_params": torch.ones(2, 32)}, "holds no LoRA"),
        (_q(**LORA, strange=DOWN), "which is no part of a LoRA"),
        ({}, "holds no tensors"),
    ],
)  # fmt: skip
def test_what_cannot_act_as_it_says_is_refused(
    pack: Pack, loras: Loras, tmp_path: Path, tensors: Parts, reason: str
) -> None:
    before = _said(_models(pack))
    save_file({name: value.clone() for name, value in tensors.items()}, tmp_path / "x.safetensors")
    with pytest.raises(InvalidRequest, match=reason):
        loras.set_adapters((Lora("x"),))
    assert _off(_said(_models(pack)), before) == 0
