"""LoRAs: as diffusers applies them, for who asked alone, and never a trace of them left in the base."""

from __future__ import annotations

import shutil
from pathlib import Path

import diffusers
import pytest
import torch
import transformers
from safetensors.torch import save_file

from benchmarks import exactness
from benchmarks.checkpoints import write
from studio.engine.denoise import step_rows
from studio.errors import InvalidRequest
from studio.packs.catalogue import EMBEDDINGS, FEW_STEPS, LORAS, find_pack, packs_in
from studio.packs.loading import load_pack
from studio.packs.pack import Pack
from studio.requests.text_to_image import TextToImage
from studio.rows import Row
from studio.tasks import find_task

PLAIN, SOFT, KOHYA = "a red house", "a red house <lora:soft style:0.8>", "a red house <lora:kohya:0.5>"


def _layers(model: torch.nn.Module, endings: tuple[str, ...]) -> list[tuple[str, torch.nn.Linear]]:
    return [(name, part) for name, part in model.named_modules() if name.endswith(endings)]  # type: ignore[misc]


def _write_loras(folder: Path, checkpoint: Path) -> None:
    """One in diffusers' layout, for U-Net and text encoder; one as kohya's trainer writes them, with an alpha."""
    unet = diffusers.UNet2DConditionModel.from_pretrained(checkpoint / "unet")
    text = transformers.CLIPTextModel.from_pretrained(checkpoint / "text_encoder")
    generator, soft, kohya = torch.Generator().manual_seed(0), {}, {}
    for prefix, model, endings in (("unet", unet, ("to_q", "to_v", "to_out.0")), ("text_encoder", text, ("q_proj",))):
        for name, layer in _layers(model, endings):
            down = 0.3 * torch.randn(4, layer.in_features, generator=generator)
            up = 0.3 * torch.randn(layer.out_features, 4, generator=generator)
            soft[f"{prefix}.{name}.lora_A.weight"], soft[f"{prefix}.{name}.lora_B.weight"] = down, up
            if prefix == "unet":
                key = f"lora_unet_{name.replace('.', '_')}"
                kohya |= {f"{key}.lora_down.weight": down.clone(), f"{key}.lora_up.weight": up.clone()}
                kohya[f"{key}.alpha"] = torch.tensor(2.0)
    save_file(soft, folder / "soft style.safetensors")
    save_file(kohya, folder / "kohya.safetensors")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    write("Stable Diffusion", models / "tiny")
    (models / LORAS).mkdir()
    (models / EMBEDDINGS).mkdir()
    _write_loras(models / LORAS, models / "tiny")
    save_file({"emb_params": torch.randn(3, 32)}, models / EMBEDDINGS / "mycat.safetensors")
    save_file({"emb_params": torch.randn(3, 999)}, models / EMBEDDINGS / "for-others.safetensors")
    (models / EMBEDDINGS / "damaged.safetensors").write_bytes(b"no tensors")
    (models / LORAS / "damaged.safetensors").write_bytes(b"x" * 100)
    save_file({"a.lora_A.weight": torch.zeros(4, 4)}, models / LORAS / "of others.safetensors")
    save_file({"unet.a.weight": torch.full((4, 4), float("nan"))}, models / LORAS / "infinite.safetensors")
    return models


@pytest.fixture(scope="module")
def pack(models: Path) -> Pack:
    return load_pack(find_pack(str(models / "tiny")), torch.device("cpu"), models=models)


def _row(pack: Pack, prompt: str, sampler: str = "DDIM") -> Row:
    request = TextToImage(
        prompt=prompt, pack="tiny", width=64, height=64, steps=exactness.STEPS, seed=exactness.SEED, sampler=sampler,
        guidance=exactness.GUIDANCE,
    )  # fmt: skip
    (row,) = find_task(request).prepare("job", request, pack, {})
    return row


def _drawn(pack: Pack, prompt: str, sampler: str = "DDIM") -> torch.Tensor:
    row = _row(pack, prompt, sampler)
    exactness._finish([row])
    return row.latent


@pytest.mark.parametrize(("prompt", "name", "scale"), [(SOFT, "soft style", 0.8), (KOHYA, "kohya", 0.5)])
def test_a_lora_acts_as_in_diffusers(pack: Pack, models: Path, prompt: str, name: str, scale: float) -> None:
    exactness._frozen.cache_clear()  # a LoRA changes its models, after all
    pipeline = exactness._plain("StableDiffusionPipeline", models / "tiny", "DDIM")
    pipeline.load_lora_weights(str(models / LORAS), weight_name=f"{name}.safetensors", adapter_name="x")
    pipeline.set_adapters(["x"], [scale])
    with torch.no_grad():
        expected = exactness._drawn(pipeline, prompt=PLAIN, negative_prompt=None, height=64, width=64)
    drawn = _drawn(pack, prompt)
    assert exactness._relative(drawn, expected) < 1e-4
    assert exactness._relative(drawn, _drawn(pack, PLAIN)) > 1e-2


def test_the_base_is_the_same_to_the_bit_afterwards(pack: Pack, models: Path) -> None:
    untouched = load_pack(find_pack(str(models / "tiny")), torch.device("cpu"))
    before = _drawn(untouched, PLAIN)
    _drawn(pack, SOFT)
    assert torch.equal(_drawn(pack, PLAIN), before)
    _drawn(pack, f"{SOFT} <lora:kohya:0.5>")
    assert torch.equal(_drawn(pack, PLAIN), before)


def test_rows_with_other_loras_take_turns_and_come_out_as_alone(pack: Pack) -> None:
    prompts = (PLAIN, SOFT, KOHYA, "a red house <lora:soft style:0.3>")
    alone = [_drawn(pack, prompt) for prompt in prompts]
    rows = [_row(pack, prompt) for prompt in prompts]
    assert len({row.batch_key for row in rows}) == len(prompts)
    exactness._finish(rows)
    for row, expected in zip(rows, alone, strict=True):
        assert exactness._relative(row.latent, expected) < 1e-4


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere", "folder for LoRAs, which holds"), ("../tiny/unet/diffusion_pytorch_model", "folder for LoRAs"),
        ("damaged", "no whole safetensors file"), ("of others", "fits none"), ("infinite", "not finite"),
    ],
)  # fmt: skip
def test_a_lora_that_cannot_be_used_is_refused_and_leaves_no_trace(pack: Pack, name: str, reason: str) -> None:
    before = _drawn(pack, PLAIN)
    with pytest.raises(InvalidRequest, match=reason):
        _row(pack, f"x <lora:{name}:1>")
    assert torch.equal(_drawn(pack, PLAIN), before)
    _drawn(pack, SOFT)


def test_a_pack_without_a_folder_for_loras_says_so(models: Path) -> None:
    bare = load_pack(find_pack(str(models / "tiny")), torch.device("cpu"))
    with pytest.raises(InvalidRequest, match="no folder"):
        _row(bare, SOFT)


def test_a_pack_s_own_layers_for_few_steps_act_with_samplers_for_distilled_models(models: Path, tmp_path: Path) -> None:
    quick = Path(shutil.copytree(models / "tiny", tmp_path / "quick"))
    shutil.copy(models / LORAS / "kohya.safetensors", quick / FEW_STEPS)
    info = find_pack(str(quick))
    assert (info.steps_with("lcm"), info.guidance_with("LCM")) == (4, 1.0)
    assert (info.steps_with("DDIM"), info.guidance_with("DDIM")) == (info.steps, info.guidance)
    assert not find_pack(str(models / "tiny")).is_quick_with("LCM")
    pack, plain = (load_pack(find_pack(str(folder)), torch.device("cpu")) for folder in (quick, models / "tiny"))
    exactness._frozen.cache_clear()
    pipeline = exactness._plain("StableDiffusionPipeline", quick, "LCM")
    pipeline.load_lora_weights(str(quick), weight_name=FEW_STEPS, adapter_name="x")
    with torch.no_grad():
        expected = exactness._drawn(pipeline, prompt=PLAIN, negative_prompt=None, height=64, width=64)
    drawn = _drawn(pack, PLAIN, "LCM")
    assert exactness._relative(drawn, expected) < 1e-4
    assert exactness._relative(drawn, _drawn(plain, PLAIN, "LCM")) > 1e-2
    assert torch.equal(_drawn(pack, PLAIN), _drawn(plain, PLAIN)), "with other samplers they do nothing"
    with pytest.raises(InvalidRequest, match="no folder"):
        _row(pack, SOFT, "LCM")


def test_a_word_of_ones_own_stands_for_its_vectors(pack: Pack) -> None:
    assert pack.tower.words == {"mycat": "<mycat:0><mycat:1><mycat:2>"}, "the others are for other models, or damaged"
    tokens = pack.tower.tokenizer(pack.tower.words["mycat"]).input_ids
    assert len(tokens) == 5
    assert exactness._relative(_drawn(pack, "a MyCat"), _drawn(pack, "a mycat")) == 0
    assert exactness._relative(_drawn(pack, "a mycat"), _drawn(pack, "a cat")) > 1e-3
    assert torch.equal(_drawn(pack, "mycats"), _drawn(pack, "mycats")), "within a word it is no word"


def test_the_folders_beside_the_packs_are_no_packs(models: Path) -> None:
    assert [state.info.name for state in packs_in(models)] == ["tiny"]


def test_one_step_of_each_is_enough_to_switch(pack: Pack) -> None:
    """What is on when a call begins is what its rows asked for, whatever was prepared in between."""
    soft, plain = _row(pack, SOFT), _row(pack, PLAIN)
    (first,) = step_rows([soft])
    _row(pack, KOHYA)
    (again,) = step_rows([soft])
    assert torch.equal(first.x0, again.x0)  # type: ignore[union-attr]
    assert plain.guidance.loras == ()
