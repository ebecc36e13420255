"""Packs load from folders and files, offline, and a broken one is refused with the reason before it can draw."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderTiny
from safetensors.torch import load_file, save_file

from studio.engine.preview import encode_previews
from studio.errors import PackError
from studio.models.catalogue import PACKS, STORYBOOK, PackInfo
from studio.models.loading import load_pack, pick_device
from studio.models.registry import find_pack, loader
from studio.sampling.catalogue import find_sampler

CPU = torch.device("cpu")


@pytest.fixture
def copy(toy_pack: Path, tmp_path: Path) -> Path:
    """A pack folder that a test may break."""
    return Path(shutil.copytree(toy_pack, tmp_path / "copy"))


def test_a_folder_is_described_without_loading_it(toy_pack: Path) -> None:
    info = find_pack(str(toy_pack))
    assert (info.name, info.size) == ("toybook", 64)


def test_a_pack_that_is_nowhere_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PackError, match="storybook"):
        find_pack("nowhere")


@pytest.mark.parametrize(
    "missing", ["unet/config.json", "scheduler/scheduler_config.json", "vae", "text_encoder", "tokenizer"]
)
def test_a_pack_that_lacks_something_is_refused(copy: Path, missing: str) -> None:
    path = copy / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(PackError):
        load_pack(find_pack(str(copy)), CPU)


def test_weights_that_are_not_finite_are_refused_by_name(copy: Path) -> None:
    """They load without a word, and would draw black pictures."""
    (file,) = (copy / "unet").glob("*.safetensors")
    weights = load_file(file)
    weights["conv_in.weight"][0, 0, 0, 0] = float("nan")
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(PackError, match=r"conv_in\.weight"):
        load_pack(find_pack(str(copy)), CPU)


def test_pickled_weights_are_never_loaded(copy: Path) -> None:
    """A pickle can run anything."""
    (file,) = (copy / "unet").glob("*.safetensors")
    torch.save(load_file(file), copy / "unet" / "diffusion_pytorch_model.bin")
    file.unlink()
    with pytest.raises(PackError):
        load_pack(find_pack(str(copy)), CPU)


def test_a_broken_configuration_is_refused(copy: Path) -> None:
    for text in ("{", "[]"):
        (copy / "unet" / "config.json").write_text(text)
        with pytest.raises(PackError, match=r"unet/config\.json"):
            find_pack(str(copy))


def test_a_single_file_without_its_configuration_says_what_to_put_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(PackError, match="beside it"):
        load_pack(find_pack(str(file)), CPU)


def test_a_repository_on_the_hub_is_named_with_its_commit() -> None:
    info = find_pack(f"somebody/some-model@{'0a' * 20}")
    assert (info.name, info.source, info.revision) == ("some-model", "somebody/some-model", "0a" * 20)
    for unpinned in ("somebody/some-model", "somebody/some-model@main", "a/b/c@" + "0" * 40, "../x@" + "0" * 41):
        with pytest.raises(PackError, match="with its commit"):
            find_pack(unpinned)


def test_a_pack_from_the_hub_says_what_to_do_when_there_is_no_network() -> None:
    with pytest.raises(PackError, match="Go online once"):
        load_pack(PackInfo("x", "X", "somebody/something", size=512), CPU)


def test_the_noise_schedule_is_the_packs_own(copy: Path) -> None:
    path = copy / "scheduler" / "scheduler_config.json"
    config = {**json.loads(path.read_text()), "beta_end": 0.0155, "prediction_type": "epsilon"}
    path.write_text(json.dumps(config))
    schedule = load_pack(find_pack(str(copy)), CPU).denoiser.tables.process
    assert (schedule.beta_end, schedule.prediction) == (0.0155, "epsilon")


def test_cuda_where_there_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == CPU
    with pytest.raises(PackError, match="STUDIO_DEVICE"):
        pick_device("cuda:0")


def test_the_catalogue_ships_storybook() -> None:
    assert Path(PACKS[STORYBOOK].source).is_dir()


def test_weights_in_half_precision_alone_are_found_under_their_names(copy: Path) -> None:
    """As repositories name them, in one file or in shards."""
    whole = load_pack(find_pack(str(copy)), CPU)
    for folder in ("unet", "vae", "text_encoder"):
        for file in (copy / folder).glob("*.safetensors"):
            half = {name: value.half() for name, value in load_file(file).items()}
            file.unlink()
            save_file(half, file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")), {"format": "pt"})
    pack = load_pack(find_pack(str(copy)), CPU)
    weight, expected = pack.denoiser.network.conv_in.weight, whole.denoiser.network.conv_in.weight
    assert weight.dtype == torch.float32
    assert torch.allclose(weight, expected, atol=1e-3)
    assert len(pack.model_hash) == 10


def test_a_tiny_decoder_that_lies_in_a_pack_makes_its_previews(copy: Path) -> None:
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 1),
    )  # fmt: skip
    tiny.save_pretrained(copy / "taesd")
    pack = load_pack(find_pack(str(copy)), CPU)
    decoder, latents = pack.first_stage.preview, torch.randn(2, 4, 8, 8)
    assert decoder.block == 8
    assert torch.allclose(decoder(latents), tiny.decode(latents).sample, atol=1e-5)
    assert len(encode_previews(latents, decoder)) == 2


@pytest.mark.parametrize("info", PACKS.values(), ids=list(PACKS))
def test_every_entry_of_the_catalogue_is_whole(info: PackInfo) -> None:
    assert loader(info.family)
    assert info.tasks, "it can be asked for something"
    assert find_sampler(info.sampler).on(info.schedule)
    if not Path(info.source).is_dir():
        assert info.licence
        assert info.gigabytes > 1
        assert info.source.count("/") == 1
