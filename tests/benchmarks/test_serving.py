"""A benchmark whose arms do not draw the same pictures measures nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image

from benchmarks import serving, workload
from benchmarks.arms import OurEngine, StockLoop
from benchmarks.models import FAMILIES, Counted
from benchmarks.serving import MAKE, main, serve
from benchmarks.workload import Visit, visits
from studio.models.conditioning import Conditioning, stack
from studio.models.families.stable_diffusion.original import CONFIGURATIONS
from studio.models.model import Pack
from tests.miniature import ask

pytestmark = pytest.mark.slow


@pytest.fixture
def counted(pack: Pack) -> Pack:
    return replace(pack, denoiser=Counted.of(pack.denoiser))


@pytest.mark.parametrize("name", MAKE)
def test_every_arm_serves_everybody(name: str, counted: Pack) -> None:
    people = [replace(visit, cancel_after=None) for visit in visits(counted, users=3, each=2, pause=0.0)]
    session = serve(MAKE[name](counted, 8), people)
    assert session.finished == len(session.latencies) == len(session.first_looks) == 6
    assert all(
        first <= last for first, last in zip(sorted(session.first_looks), sorted(session.latencies), strict=True)
    )


def test_the_stock_arms_and_ours_draw_the_same_picture(counted: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[torch.Tensor] = []
    decode = counted.first_stage.decode_piece
    monkeypatch.setattr(
        counted.first_stage, "decode_piece", lambda latents: (drawn.append(latents.clone()), decode(latents))[1]
    )
    request = ask(steps=6, guidance=4.0, seed=3)
    for arm in (StockLoop(counted), StockLoop(counted, largest=4), OurEngine(counted, 8, together=True)):
        serve(arm, [Visit(0, 0.0, request), Visit(1, 0.0, replace(request, seed=4))])
    one, other = drawn[0], drawn[1]
    assert torch.allclose(drawn[2], torch.cat([one, other]), rtol=1e-3, atol=1e-4), "B: one batch of two"
    assert torch.allclose(drawn[3], one, rtol=1e-3, atol=1e-4)
    assert torch.allclose(drawn[4], other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", MAKE)
def test_whoever_gives_up_frees_the_slot(name: str, counted: Pack) -> None:
    request = ask(steps=150)
    session = serve(MAKE[name](counted, 8), [Visit(0, 0.0, request, 0.01), Visit(1, 0.0, ask(steps=2))])
    assert session.finished == 1
    assert len(session.freed_after) == 1


def test_the_same_seed_brings_the_same_people(pack: Pack) -> None:
    people = visits(pack, users=16, each=20, pause=0.5)
    assert people == visits(pack, users=16, each=20, pause=0.5)
    usual = sum(visit.request.sampler == "DPM++ 2M Karras" for visit in people) / len(people)
    assert 0.3 < usual < 0.5
    assert 0.05 < sum(visit.cancel_after is not None for visit in people) / len(people) < 0.15
    assert set(Counter(visit.request.width for visit in people)) == {64, 96}


def test_work_is_counted_per_input(counted: Pack) -> None:
    assert isinstance(counted.denoiser, Counted)
    one = Conditioning(counted.text.encode("").text, concat=counted.blank_concat(8, 8))
    for batch in (1, 3):
        before = counted.denoiser.work.flops
        counted.denoiser(torch.zeros(batch, 4, 8, 8), torch.zeros(batch), stack([one] * batch))
        assert counted.denoiser.work.flops - before == batch * counted.denoiser.flops_of[4, 8, 8] > 0


def test_a_static_batch_is_compared_with_people_of_mixed_samplers(
    counted: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a compiler: who has one, gets the ratio; everybody gets that both arms serve the same number."""
    compiled: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda model, dynamic: (compiled.append(model), model)[1])
    monkeypatch.setattr(serving, "PAIRS", 2)
    ((words, ratio),) = serving.compare_static(counted, 3).items()
    assert "compiled batch of 3" in words
    assert compiled == [counted.denoiser.network]
    assert 0 < ratio[0] <= ratio[1] <= ratio[2]


@pytest.mark.parametrize(("model", "parameters"), [("sd15", 859_520_964), ("sdxl", 2_567_463_684)])
def test_the_full_size_models_have_the_published_number_of_parameters(model: str, parameters: int) -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(CONFIGURATIONS / FAMILIES[model] / "unet")
    assert sum(parameter.numel() for parameter in unet.parameters()) == parameters


def test_the_whole_benchmark_writes_its_table_and_its_plot(
    toy_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PAIRS", 1)
    monkeypatch.setattr(serving, "WARM_UP", 1)
    monkeypatch.setattr(workload, "STEPS", (2, 4))
    monkeypatch.setattr(workload, "USUAL", 0.0)
    main(["--model", str(toy_pack), "--device", "cpu", "--users", "1", "2", "--requests", "4", "--pause", "0.01",
          "--repeats", "2", "--inputs", "8", "--out", str(tmp_path)])  # fmt: skip
    table = (tmp_path / "serving.md").read_text()
    assert table.count("C: our engine, together") == 2
    assert "C over A'" in table
    with Image.open(tmp_path / "serving.png") as picture:
        assert picture.width > 800
