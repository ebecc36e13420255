"""Checkpoints of one file, in the layout in which they were published: the same models as in a diffusers folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from benchmarks import exactness
from benchmarks.checkpoints import original_unet, write, write_original
from studio.errors import PackError
from studio.models.catalogue import VAE
from studio.models.families.stable_diffusion.original import CONFIGURATIONS, FAMILIES, family_of
from studio.models.loading import load_pack, models_of
from studio.models.model import Pack
from studio.models.registry import find_pack, packs_in
from studio.models.text.tokenizers import clip_tokenizer
from studio.requests.text_to_image import TextToImage
from studio.tasks import find_task

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


def _drawn(pack: Pack) -> torch.Tensor:
    request = TextToImage(
        prompt="a red house", pack=pack.info.name, width=64, height=64, steps=3, seed=5, sampler="DDIM", guidance=3.0
    )
    rows = find_task(request).prepare("job", request, pack, {})
    exactness._finish(rows)
    return rows[0].latent


@pytest.fixture(scope="module", params=["Stable Diffusion", "SDXL"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same checkpoint as a folder and as a file."""
    folder = tmp_path_factory.mktemp("both")
    return write(request.param, folder / "folder"), write_original(request.param, folder / "model.safetensors")


def test_a_file_holds_the_same_models_as_a_folder(both: tuple[Path, Path]) -> None:
    folder, file = (load_pack(find_pack(str(path)), CPU) for path in both)
    for name, model in models_of(folder).items():
        other = models_of(file)[name].state_dict()
        assert {key: value.shape for key, value in model.state_dict().items()} == {
            key: value.shape for key, value in other.items()
        }
        for key, value in model.state_dict().items():
            assert torch.equal(value, other[key]), (name, key)
    assert exactness._relative(_drawn(file), _drawn(folder)) < 1e-5


def test_an_autoencoder_beside_it_stands_in_for_its_own(both: tuple[Path, Path], tmp_path: Path) -> None:
    """In the original layout, for a file and for a folder."""
    own = load_file(both[1])
    other = {
        name.removeprefix("first_stage_model."): value * 0.5
        for name, value in own.items()
        if name.startswith("first_stage_model.")
    }
    for path in both:
        override = path.with_name(path.name.removesuffix(".safetensors") + VAE)
        save_file(other, override)
        try:
            replaced = load_pack(find_pack(str(path)), CPU)
        finally:
            override.unlink()
        plain = load_pack(find_pack(str(path)), CPU)
        one, two = (pack.first_stage.model.decoder.conv_out.weight for pack in (replaced, plain))
        assert torch.equal(one, two * 0.5)
    bad = both[1].with_name("model" + VAE)
    save_file({"a": torch.zeros(1)}, bad)
    try:
        with pytest.raises(PackError, match=r"model\.vae\.safetensors"):
            load_pack(find_pack(str(both[1])), CPU)
    finally:
        bad.unlink()


@pytest.mark.parametrize("family", sorted({family for _, _, family in FAMILIES}))
def test_a_file_of_a_published_family_is_known_by_its_header(family: str, tmp_path: Path) -> None:
    """With the published widths: names and shapes as the original code has them; the values are nobody's."""
    with torch.device("meta"):
        unet: Any = UNet2DConditionModel.from_config(CONFIGURATIONS / family / "unet")
    telling = {name for name, _, known in FAMILIES if known == family}
    shapes = {f"model.diffusion_model.{name}": value.shape for name, value in original_unet(unet).items()}
    (name,) = telling & set(shapes)
    file = tmp_path / "model.safetensors"
    save_file({name: torch.zeros(shapes[name], dtype=torch.float16)}, file)
    assert family_of(file) == family
    assert find_pack(str(file)).size == {"1": 512, "2": 768, "l": 1024}[family[-1]]
    with pytest.raises(PackError, match="does not hold what its family"):
        load_pack(find_pack(str(file)), CPU)


def test_files_are_offered_whatever_the_case_of_their_ending(tmp_path: Path) -> None:
    """A folder of a file's name, dots and all, is its configuration; what begins with a dot is no model."""
    for name in ("LOUD.SAFETENSORS", "v1.5.safetensors", "._v1.5.safetensors"):
        save_file({"x": torch.zeros(1)}, tmp_path / name)
    for name in ("v1.5", "LOUD"):
        (tmp_path / name / "unet").mkdir(parents=True)
        (tmp_path / name / "unet" / "config.json").write_text("{}")
    assert [(state.info.name, state.status) for state in packs_in(tmp_path)] == [
        ("LOUD", "available"), ("v1.5", "available"),
    ]  # fmt: skip
    assert find_pack(str(tmp_path / "LOUD.SAFETENSORS")).name == "LOUD"


@pytest.mark.parametrize("said", ["v", "epsilon"])
def test_what_the_file_says_of_its_prediction_counts(said: str, both: tuple[Path, Path], tmp_path: Path) -> None:
    import shutil

    shutil.copytree(both[1].with_suffix(""), tmp_path / "model")
    save_file(load_file(both[1]), tmp_path / "model.safetensors", metadata={"modelspec.prediction_type": said})
    pack = load_pack(find_pack(str(tmp_path / "model.safetensors")), CPU)
    assert pack.denoiser.prediction == {"v": "v_prediction", "epsilon": "epsilon"}[said]


def test_the_tokenizer_is_clips_own() -> None:
    """Facts of the published vocabulary: its size, and the numbers of a few words."""
    tokenizer = clip_tokenizer(49407)
    assert len(tokenizer) == 49408
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert tokenizer("", padding="max_length").input_ids == [49406, *[49407] * 76]
    assert clip_tokenizer(0)("", padding="max_length").input_ids[2:] == [0] * 75, "the second of SDXL pads with '!'"
