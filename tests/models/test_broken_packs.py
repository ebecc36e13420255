"""Files that people are sent: damaged, of another kind, hostile. Each is refused in one line that names file and fault,
before anything large is made of it."""

from __future__ import annotations

import json
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.cli import main
from studio.errors import PackError
from studio.models.loading import load_pack
from studio.models.registry import find_pack
from tests.miniature import write_pack

UNET = "unet/diffusion_pytorch_model.safetensors"
CPU = torch.device("cpu")
LONGEST_SECONDS = 20.0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("whole") / "tiny")


@pytest.fixture(scope="module")
def in_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("shards") / "tiny", shard="200KB")


def _tensors(change: Callable[[dict[str, torch.Tensor]], Any], file: str = UNET) -> Callable[[Path], None]:
    def damage(pack: Path) -> None:
        tensors = load_file(pack / file)
        change(tensors)
        save_file(tensors, pack / file)

    return damage


def _bytes(change: Callable[[bytes], bytes], file: str = UNET) -> Callable[[Path], None]:
    return lambda pack: (pack / file).write_bytes(change((pack / file).read_bytes())) and None


def _config(file: str = "unet/config.json", **values: Any) -> Callable[[Path], None]:
    def damage(pack: Path) -> None:
        config = json.loads((pack / file).read_text())
        (pack / file).write_text(json.dumps({**config, **values}))

    return damage


def _text(text: str, file: str) -> Callable[[Path], None]:
    return lambda pack: (pack / file).write_text(text) and None


def _without(file: str) -> Callable[[Path], None]:
    def damage(pack: Path) -> None:
        path = pack / file
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def _header(pack: Path, header: bytes) -> None:
    (pack / UNET).write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 64)


def _tensor(**values: Any) -> bytes:
    return json.dumps({"conv_in.weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16], **values}}).encode()


def test_a_whole_file_is_taken_although_it_begins_like_a_pickle(whole: Path, tmp_path: Path) -> None:
    """A safetensors file begins with the length of its header, and any length may come."""
    pack = tmp_path / "pack"
    shutil.copytree(whole, pack)
    content = (pack / UNET).read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    padded = length + (-(length - 0x280)) % 0x10000  # 80 02 are its first bytes
    header = content[8 : 8 + length].ljust(padded)
    (pack / UNET).write_bytes(struct.pack("<Q", padded) + header + content[8 + length :])
    assert (pack / UNET).read_bytes().startswith(b"\x80\x02")
    assert load_pack(find_pack(str(pack)), CPU)


def test_the_files_that_macos_puts_beside_others_are_no_weights(in_shards: Path, tmp_path: Path) -> None:
    """Its file manager writes a "._" file beside each file on a disk that has no place for what it knows of it."""
    pack = tmp_path / "pack"
    shutil.copytree(in_shards, pack)
    for file in [each for each in pack.rglob("*") if each.is_file()]:
        file.with_name(f"._{file.name}").write_bytes(b"\0\5\x16\7" + bytes(60))
    loaded, clean = (load_pack(find_pack(str(folder)), CPU) for folder in (pack, in_shards))
    assert (loaded.model_hash, loaded.revision) == (clean.model_hash, clean.revision)


def _as_pickle(pack: Path) -> None:
    torch.save({"conv_in.weight": torch.zeros(1)}, pack / UNET)


def _only_pickle(pack: Path) -> None:
    torch.save({}, pack / "unet" / "diffusion_pytorch_model.bin")
    (pack / UNET).unlink()


WEIGHT = "conv_in.weight"
DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut by a byte": (_bytes(lambda data: data[:-1]), UNET),
    "cut in half": (_bytes(lambda data: data[: len(data) // 2]), UNET),
    "cut within its header": (_bytes(lambda data: data[:20]), UNET),
    "empty": (_bytes(lambda data: b""), UNET),
    "seven bytes": (_bytes(lambda data: data[:7]), UNET),
    "bytes to spare": (_bytes(lambda data: data + b"\0" * 99), UNET),
    "not safetensors at all": (_bytes(lambda data: b"hello world" * 99), UNET),
    "zeros": (_bytes(lambda data: bytes(4096)), UNET),
    "a header of eight exabytes": (_bytes(lambda data: struct.pack("<Q", 2**63) + data[8:]), UNET),
    "a header of a gigabyte": (_bytes(lambda data: struct.pack("<Q", 2**30) + data[8:]), UNET),
    "a header that is no JSON": (lambda pack: _header(pack, b"{" * 100), UNET),
    "a header of lists": (lambda pack: _header(pack, b"[[1]]"), UNET),
    "an unknown type": (lambda pack: _header(pack, _tensor(dtype="X9")), UNET),
    "a shape beyond its bytes": (lambda pack: _header(pack, _tensor(shape=[10**12])), UNET),
    "a shape below zero": (lambda pack: _header(pack, _tensor(shape=[-4])), UNET),
    "offsets beyond the file": (lambda pack: _header(pack, _tensor(data_offsets=[0, 10**15])), UNET),
    "offsets backwards": (lambda pack: _header(pack, _tensor(data_offsets=[16, 0])), UNET),
    "no tensors": (lambda pack: save_file({}, pack / UNET), "holds no tensors|no whole"),
    "a pickle by another name": (_as_pickle, "unet/.* is a pickle"),
    "a pickle alone": (_only_pickle, "unet/.*bin is a pickle"),
    "a tensor missing": (_tensors(lambda each: each.pop(WEIGHT)), f"unet lack {WEIGHT}"),
    "many tensors missing": (
        _tensors(lambda each: [each.pop(name) for name in list(each)[::2]]), r"unet lack .* and \d+ more"
    ),
    "a tensor too many": (_tensors(lambda each: each.update(strange=torch.zeros(2))), "unet hold strange"),
    "a tensor of another shape": (
        _tensors(lambda each: each.update({WEIGHT: torch.zeros(3, 3)})), f"unet cannot be loaded.*{WEIGHT}"
    ),
    "a number that is none": (_tensors(lambda each: each[WEIGHT].view(-1)[0:1].fill_(float("nan"))), WEIGHT),
    "an infinite number": (_tensors(lambda each: each[WEIGHT].view(-1)[0:1].fill_(float("inf"))), WEIGHT),
    "an autoencoder that is not finite": (
        _tensors(lambda each: each["decoder.conv_in.bias"].fill_(float("nan")),
                 "vae/diffusion_pytorch_model.safetensors"), "decoder.conv_in.bias of its autoencoder",
    ),
    "no U-Net": (_without("unet"), "no unet/config.json"),
    "no weights": (_without(UNET), "no weights in unet"),
    "no autoencoder": (_without("vae"), "no vae/config.json"),
    "no text encoder": (_without("text_encoder"), "no text_encoder/config.json"),
    "no tokenizer": (_without("tokenizer"), "tokenizer"),
    "no scheduler": (_without("scheduler"), "no scheduler/scheduler_config.json"),
    "a configuration that is no JSON": (_text("{", "unet/config.json"), "unet/config.json cannot be read"),
    "a configuration that is a list": (_text("[]", "unet/config.json"), "unet/config.json is not a JSON object"),
    "a configuration that is deep": (_text("[" * 100_000, "unet/config.json"), "unet/config.json"),
    "an empty configuration": (_text("", "vae/config.json"), "vae/config.json cannot be read"),
    "a configuration of 6 MB": (_config("vae/config.json", note="x" * 6_000_000), "vae/config.json is too large"),
    "a size that is text": (_config(sample_size="64"), "sample_size"),
    "a size that is an object": (_config(sample_size={"a": 1}), "sample_size"),
    "a size of none": (_config(sample_size=None), "sample_size"),
    "a size of a billion": (_config(sample_size=10**9), "sample_size"),
    "a width of a billion": (_config(block_out_channels=[10**9, 10**9]), "block_out_channels"),
    "a million layers": (_config(layers_per_block=10**6), "layers_per_block"),
    "a thousand blocks": (_config(block_out_channels=[16] * 1000), "block_out_channels"),
    "widths that are text": (_config(block_out_channels=["a", "b"]), "unet cannot be loaded"),
    "another number of channels": (_config(in_channels=5), "unet cannot be loaded|Stable Diffusion"),
    "blocks that nobody knows": (_config(down_block_types=["Evil", "Evil"]), "unet cannot be loaded"),
    "betas that are text": (_config("scheduler/scheduler_config.json", beta_start="a"), "noise schedule"),
    "betas beyond one": (_config("scheduler/scheduler_config.json", beta_end=7.0), "noise schedule"),
    "a billion steps": (_config("scheduler/scheduler_config.json", num_train_timesteps=10**9), "noise schedule"),
    "a tokenizer that is no JSON": (_text("{", "tokenizer/tokenizer.json"), "tokenizer"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_pack_is_refused_with_file_and_fault(whole: Path, tmp_path: Path, damage: str) -> None:
    """In one line, soon, without a path of the server's."""
    change, named = DAMAGES[damage]
    folder = tmp_path / "tiny"
    shutil.copytree(whole, folder)
    change(folder)
    begun = time.monotonic()
    with pytest.raises(PackError, match=named) as refusal:
        load_pack(find_pack(str(folder)), CPU)
    assert time.monotonic() - begun < LONGEST_SECONDS
    assert "\n" not in str(refusal.value)
    assert str(tmp_path) not in str(refusal.value)
    assert len(str(refusal.value)) < 400


INDEX = "unet/diffusion_pytorch_model.safetensors.index.json"
INDICES: dict[str, tuple[Any, str]] = {
    "a file elsewhere": ({"weight_map": {WEIGHT: "../vae/diffusion_pytorch_model.safetensors"}}, "which is not there"),
    "a file from the root": ({"weight_map": {WEIGHT: "/etc/passwd"}}, "which is not there"),
    "a shard that is missing": ({"weight_map": {WEIGHT: "diffusion-9-of-9.safetensors"}}, "which is not there"),
    "numbers for files": ({"weight_map": {WEIGHT: 7}}, "names no files"),
    "no map": ({}, "names no files"),
    "a list": ([], "not a JSON object"),
}


@pytest.mark.parametrize("index", INDICES)
def test_an_index_of_shards_may_name_its_own_folder_s_files_only(in_shards: Path, tmp_path: Path, index: str) -> None:
    values, named = INDICES[index]
    folder = tmp_path / "tiny"
    shutil.copytree(in_shards, folder)
    load_pack(find_pack(str(folder)), CPU)
    (folder / INDEX).write_text(json.dumps(values))
    with pytest.raises(PackError, match=named):
        load_pack(find_pack(str(folder)), CPU)


NAMES = ("x" * 500, "x" * 5000, "a\0b", "/nowhere/at/all", "../../etc", "old.ckpt", "\n", "~nobody/x", "storybook ")


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:20])
def test_a_name_that_is_no_pack_ends_with_code_2_and_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.ckpt").write_bytes(b"PK\x03\x04")
    assert main(["text-to-image", "a house", "--pack", name, "--out", str(tmp_path)]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert len(said) < 400


def test_a_damaged_folder_ends_the_command_with_code_2_and_one_line(
    whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(whole, folder)
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("STUDIO_DEVICE", "cpu")
    _bytes(lambda data: data[:-1])(folder)
    assert main(["text-to-image", "a house", "--pack", str(folder), "--out", str(tmp_path / "out")]) == 2
    said = capfd.readouterr().err
    assert UNET in said
    assert said.count("\n") == 1
