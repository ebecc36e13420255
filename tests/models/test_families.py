"""What packs of other families can and cannot do, and what they must not do to each other: found by looking for faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmarks import exactness
from benchmarks.checkpoints import write
from studio.backends.local import LocalClient
from studio.engine.engine import Engine
from studio.errors import InvalidRequest
from studio.events import Failed, Finished, Started
from studio.models.catalogue import EMBEDDINGS, LORAS
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.models.text.embeddings import spelled
from studio.prompts import Lora
from studio.requests.interpolate import Interpolate
from studio.requests.layout_to_image import LayoutToImage
from studio.requests.request import Request
from studio.requests.super_resolve import SuperResolve
from studio.requests.text_to_image import TextToImage
from studio.settings import Settings
from studio.tasks import find_task

pytestmark = pytest.mark.slow

SMALL, IMAGES = exactness.SMALL, exactness.IMAGES


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pack]:
    """Packs by their family, with one LoRA that fits all that read words with CLIP."""
    models = tmp_path_factory.mktemp("models")
    (models / LORAS).mkdir()
    (models / EMBEDDINGS).mkdir()
    generator, weights = torch.Generator().manual_seed(0), {}
    for layer in range(3):
        name = f"text_encoder.encoder.layers.{layer}.self_attn.q_proj"
        weights[f"{name}.lora_A.weight"] = torch.randn(4, 32, generator=generator)
        weights[f"{name}.lora_B.weight"] = torch.randn(32, 4, generator=generator)
    save_file(weights, models / LORAS / "words.safetensors")
    save_file({"emb": torch.zeros(2, 32).to(torch.float8_e4m3fn)}, models / EMBEDDINGS / "odd.safetensors")

    def make(family: str) -> Pack:
        folder = models / family
        info = find_pack(str(folder if folder.is_dir() else write(family, folder)))
        return load_pack(info, torch.device("cpu"), models=models)

    return make


def test_a_model_that_reads_no_words_misses_none(load: Callable[[str], Pack]) -> None:
    pack = load("LDM, unconditional")
    engine, side = Engine({pack.info.name: pack}), pack.info.size
    request = TextToImage(prompt="", pack=pack.info.name, width=side, height=side, steps=1, sampler="Euler")
    events = engine.submit("job", request) + engine.step()
    assert [event.lacks_words for event in events if isinstance(event, Started)] == [False]


def _drawn(pack: Pack, request: Request) -> torch.Tensor:
    rows = find_task(request).prepare("job", request, pack, IMAGES)
    exactness._finish(rows)
    return torch.stack([row.latent for row in rows])


def _enlarge(pack: Pack, **values: object) -> SuperResolve:
    given = {"pack": pack.info.name, "image": SMALL.digest, "width": 128, "height": 128, "steps": 2, "seed": 5}
    return SuperResolve(**{**given, **values})  # type: ignore[arg-type]


def _words(pack: Pack, prompt: str = "a red house", **values: object) -> TextToImage:
    given = {"pack": pack.info.name, "width": 64, "height": 64, "steps": 2}
    return TextToImage(prompt=prompt, **{**given, **values})  # type: ignore[arg-type]


def test_each_picture_of_an_upscaler_is_made_again_alone(load: Callable[[str], Pack]) -> None:
    """The noise that its small picture gets is of its own seed, too."""
    pack = load("x4 upscaler")
    both = _drawn(pack, _enlarge(pack, count=2))
    (alone,) = _drawn(pack, _enlarge(pack, count=2).alone(1))
    assert exactness._relative(alone, both[1]) < 1e-5


def test_an_upscaler_draws_nothing_from_words_and_keeps_nobody_s_lora(load: Callable[[str], Pack]) -> None:
    pack = load("x4 upscaler")
    before = _drawn(pack, _enlarge(pack))
    engine = Engine({pack.info.name: pack})
    (event,) = engine.submit("job", _words(pack, "x <lora:words:1>"))
    assert isinstance(event, Failed)
    assert "cannot do this" in str(event.error)
    pack.condition("x", (8, 8), loras=(Lora("words", 1.0),))
    assert torch.equal(_drawn(pack, _enlarge(pack)), before)


def test_boxes_are_read_without_the_lora_of_whoever_came_before(load: Callable[[str], Pack]) -> None:
    pack = load("GLIGEN")
    request = LayoutToImage(
        prompt="", boxes=exactness.BOXES, pack=pack.info.name, width=64, height=64, steps=2, seed=1, guidance=3.0
    )
    before = _drawn(pack, request)
    _drawn(pack, _words(pack, "a red house <lora:words:1>"))
    assert torch.equal(_drawn(pack, request), before)


def test_an_enlargement_shares_calls_with_pictures_that_are_told_their_guidance(load: Callable[[str], Pack]) -> None:
    pack = load("LCM")
    requests = [_enlarge(pack, sampler="LCM", scale=2, width=64, height=64), _words(pack, sampler="LCM", guidance=8.0)]
    alone = [_drawn(pack, request)[0] for request in requests]
    rows = [row for request in requests for row in find_task(request).prepare("job", request, pack, IMAGES)]
    assert rows[0].batch_key == rows[1].batch_key
    exactness._finish(rows)
    for row, expected in zip(rows, alone, strict=True):
        assert exactness._relative(row.latent, expected) < 1e-4


@pytest.mark.parametrize("family", ["IP-Adapter Plus", "IP-Adapter Full"])
def test_layers_that_see_patches_work_in_half_precision_and_between_pictures(
    family: str, load: Callable[[str], Pack]
) -> None:
    """On CUDA devices the projection is in half precision, and what CLIP says is not."""
    pack = load(family)
    prompt = pack.image_prompt(SMALL.array)
    tokens = pack.picture_tokens(prompt)
    pack.denoiser.projection.to(torch.bfloat16)
    assert torch.allclose(pack.picture_tokens(prompt), tokens, atol=0.05)
    pack.denoiser.projection.float()
    way = Interpolate(
        pack=pack.info.name, image=SMALL.digest, other=SMALL.digest, count=3, width=64, height=64, steps=2
    )  # fmt: skip
    drawn = _drawn(pack, way)
    assert len(drawn) == 3
    assert torch.isfinite(drawn).all()


@pytest.mark.parametrize("family", ["LDM, unconditional", "image variation", "LDM-SR", "x4 upscaler"])
def test_an_engine_whose_first_pack_reads_no_words_lives(
    family: str, load: Callable[[str], Pack], tmp_path: Path
) -> None:
    """It is not calibrated, as there is nothing to try; it used to end and be started again for ever."""
    source = load(family).info.source
    with LocalClient(Settings(pack=source, device="cpu", data=tmp_path, models=tmp_path)) as client:
        (pack, *_) = client.packs()
        requests: dict[str, Request] = {
            "LDM, unconditional": _words_of(pack.info.name, prompt=""),
            "image variation": exactness._vary(pack=pack.info.name, prompt="", negative=""),
        }
        request = requests.get(family) or SuperResolve(
            pack=pack.info.name, image=SMALL.digest, width=128, height=128, steps=2
        )
        news = [event for each in client.events(client.submit(request, images=[SMALL])) for event in each]
        assert isinstance(news[-1], Finished), news[-1]


def _words_of(pack: str, **values: object) -> TextToImage:
    return TextToImage(**{"pack": pack, "prompt": "x", "width": 64, "height": 64, "steps": 2, **values})  # type: ignore[arg-type]


def test_what_a_pack_cannot_do_is_refused_in_words(load: Callable[[str], Pack]) -> None:
    unconditional, words = load("LDM, unconditional"), load("LDM")
    assert unconditional.info.size == 64, "its autoencoder has a factor of four"
    engine = Engine({pack.info.name: pack for pack in (unconditional, words)})
    way = Interpolate(pack=unconditional.info.name, prompt=" ", other_prompt=" ", width=64, height=64, steps=2)
    for request in (_enlarge(unconditional), way):
        (event,) = engine.submit("job", request, images=IMAGES)
        assert "cannot do this" in str(event.error)  # type: ignore[union-attr]
    with pytest.raises(InvalidRequest, match="reads no words"):
        find_task(_words(unconditional)).prepare("job", _words(unconditional), unconditional, {})
    with pytest.raises(InvalidRequest, match="clip_skip is 1; expected 0"):
        find_task(_words(words)).prepare("job", _words(words, clip_skip=1), words, {})


def test_words_within_words_are_spelled_once() -> None:
    written = {"cat": "<cat:0>", "big cat": "<big cat:0>"}
    assert spelled("a Big Cat and a cat, no cats", written) == "a <big cat:0> and a <cat:0>, no cats"


def test_a_request_that_needs_many_tiles_is_encoded_by_tiles(load: Callable[[str], Pack]) -> None:
    """Where a denoiser sees masks, what stands beside a large canvas is that of one tile, again and again."""
    pack = load("Stable Diffusion, inpainting")
    request = _enlarge(pack)
    (row,) = find_task(request).prepare("job", request, pack, IMAGES)
    assert len(row.tiling.places) > 1
    assert row.guidance.conditional.concat is not None
    assert row.guidance.conditional.concat.shape == (5, row.tiling.rows, row.tiling.columns)
    assert np.allclose(row.guidance.conditional.concat[0], 1)
