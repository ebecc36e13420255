"""LoRAs: as diffusers applies them, for who asked alone, and never a trace of them left in the base."""

from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path
from typing import Literal

import diffusers
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from benchmarks import exactness
from benchmarks.checkpoints import write
from studio.engine.row import Row
from studio.engine.step import step_rows
from studio.errors import InvalidRequest
from studio.models.adapters.lora_folder import find_lora, lora_names
from studio.models.catalogue import EMBEDDINGS, FEW_STEPS, LORAS
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack, packs_in
from studio.prompts import read_prompt
from studio.requests.text_to_image import TextToImage
from studio.tasks import find_task

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
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


def test_words_that_a_lora_brings_are_there_while_it_is_on(pack: Pack, models: Path) -> None:
    """In the layouts of several trainers; two files may bring other vectors for the same word."""
    vectors = torch.randn(2, 3, 32)
    soft = load_file(models / LORAS / "soft style.safetensors")
    for at, (name, ending) in enumerate((("one", "string_to_param.*"), ("two", "emb_params"))):
        save_file({**soft, f"bundle_emb.mydog.{ending}": vectors[at].clone()}, models / LORAS / f"{name}.safetensors")
    drawn = [_drawn(pack, f"a mydog <lora:{name}:0.8>") for name in ("one", "two", "one")]
    assert torch.equal(drawn[0], drawn[2])
    assert exactness._relative(drawn[0], drawn[1]) > 1e-3
    assert torch.equal(_drawn(pack, "a mydog"), _drawn(load_pack(find_pack(str(models / "tiny")), CPU), "a mydog"))
    save_file({"emb_params": vectors[0].clone()}, models / EMBEDDINGS / "mydog.safetensors")
    taught = load_pack(find_pack(str(models / "tiny")), CPU, models=models)
    (models / EMBEDDINGS / "mydog.safetensors").unlink()
    assert exactness._relative(_drawn(taught, "a mydog <lora:soft style:0.8>"), drawn[0]) < 1e-6


def test_words_that_a_lora_brings_may_make_a_prompt_longer(pack: Pack, models: Path) -> None:
    """Than its negative one was read in: both are made equally long."""
    soft = load_file(models / LORAS / "soft style.safetensors")
    save_file({**soft, "bundle_emb.mydog.clip_l": torch.randn(75, 32)}, models / LORAS / "long.safetensors")
    row = _row(pack, "a small mydog <lora:long:1>")
    assert row.guidance.conditional.text.shape == row.guidance.unconditional.text.shape  # type: ignore[union-attr]
    assert len(row.guidance.conditional.text) == 154
    (models / LORAS / "long.safetensors").unlink()


@pytest.mark.parametrize("prefix", ["lora_te_", "lora_te1_", "text_encoder."])
def test_one_for_the_text_encoder_alone_acts(pack: Pack, models: Path, prefix: str) -> None:
    """Whatever part of its layers it has, and as trainers for two text encoders name the first."""
    name = "text_model.encoder.layers.1.self_attn.q_proj"
    layer = f"{prefix}{name if prefix.endswith('.') else name.replace('.', '_')}"
    down, up = torch.randn(2, 32), torch.randn(32, 2)
    parts = {"lora_down.weight": down, "lora_up.weight": up, "alpha": torch.tensor(1.0)}
    save_file({f"{layer}.{part}": value for part, value in parts.items()}, models / LORAS / f"{prefix}.safetensors")
    found = _drawn(pack, f"{PLAIN} <lora:{prefix}:0.5>")
    other = load_pack(find_pack(str(models / "tiny")), CPU)
    dict(other.tower.model.named_modules())[name.removeprefix("text_model.")].weight.add_(0.25 * up @ down)
    assert exactness._relative(found, _drawn(other, PLAIN)) < 1e-5
    assert exactness._relative(found, _drawn(pack, PLAIN)) > 1e-3
    half = _drawn(pack, f"{PLAIN} <lora:{prefix}:te=0.5:unet=7>")
    assert torch.equal(half, found)


NAMES = ("plain", "with spaces", "brackets (a) [b] {c}", "colons: a:b", "ends in: 5", "v1.5", "café", "UPPER")


def _touch(folder: Path) -> None:
    for name in NAMES:
        (folder / f"{name}{'.SAFETENSORS' if name == 'UPPER' else '.safetensors'}").touch()
    for name in ("a/same", "b/same", "a/own", "a/plain", "b/.hidden/x", "a/._own", "._plain", "a/other<angle>"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.safetensors").touch()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_every_name_that_is_offered_is_found_as_a_prompt_says_it(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    """macOS writes names in decomposed Unicode, keyboards in composed; and it puts "._" files beside others."""
    folder = tmp_path / LORAS
    folder.mkdir()
    _touch(folder)
    (folder / "café.safetensors").rename(folder / unicodedata.normalize("NFD", "café.safetensors"))
    offered = lora_names(tmp_path)
    composed = {unicodedata.normalize("NFC", name) for name in offered}
    assert composed == {*NAMES, "a/same", "b/same", "own", "a/plain", "ends in: 5.safetensors"} - {"ends in: 5"}
    for name in offered:
        (lora,) = read_prompt(unicodedata.normalize(form, f"<lora:{name}: 0.8>")).loras
        found = find_lora(folder, lora.name).relative_to(folder)
        assert lora.scale == 0.8
        assert name in (found.stem, found.with_suffix("").as_posix(), found.name)
    (folder / "UPPER.safetensors").touch()
    assert {"UPPER.SAFETENSORS", "UPPER.safetensors"} < set(lora_names(tmp_path)), "two that differ in their endings"


def test_names_may_be_said_with_their_folders_and_endings(tmp_path: Path) -> None:
    _touch(tmp_path)
    for said, file in (
        ("plain", "plain"), ("plain.safetensors", "plain"), ("a/plain", "a/plain"), ("a\\same", "a/same"),
        ("b/same.safetensors", "b/same"), ("own", "a/own"), ("a/own.safetensors", "a/own"),
    ):  # fmt: skip
        assert find_lora(tmp_path, said) == tmp_path / f"{file}.safetensors"
    with pytest.raises(InvalidRequest, match="expected one of: a/same, b/same"):
        find_lora(tmp_path, "same")
    for none in ("._plain", "x", "../plain", "a", "", "/etc/passwd", str(tmp_path / "plain")):
        with pytest.raises(InvalidRequest, match=r"which holds: .*a/plain"):
            find_lora(tmp_path, none)


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
