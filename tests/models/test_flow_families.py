"""Models that were trained by flow matching live in the engine as all others do: previews, cancel, replay, strict mode."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.checkpoints import write
from benchmarks.exactness import CASES, FLOW_SAMPLERS, IMAGES, MASK, PHOTO
from studio.engine.engine import Engine
from studio.engine.scheduler import Limits
from studio.errors import InvalidRequest, PackError
from studio.events import Drawn, Event, Failed, Finished, Previewed
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.inpaint import Inpaint
from studio.requests.request import Request
from studio.requests.text_to_image import TextToImage
from tests.miniature import NAME, ask

pytestmark = pytest.mark.slow

FAMILIES = sorted({case.family for case in CASES if case.samplers is FLOW_SAMPLERS} - {"Stable Diffusion 3.5"})
CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=FAMILIES)
def flow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    folder = write(request.param, tmp_path_factory.mktemp("flow") / "model")
    return load_pack(find_pack(str(folder)), CPU)


def _ask(pack: Pack, **values: Any) -> TextToImage:
    usual: dict[str, Any] = {"width": 64, "height": 64, "steps": 3, "sampler": "Euler", "guidance": 2.0}
    return TextToImage(prompt="a red house", pack=pack.info.name, **{**usual, **values})


def _run(engine: Engine, *requests: Request) -> list[Event]:
    events = [
        event for number, each in enumerate(requests) for event in engine.submit(f"job {number}", each, images=IMAGES)
    ]
    while engine.has_work:
        events += engine.step()
    return events


def _pictures(events: list[Event]) -> dict[str, np.ndarray]:
    drawn = [event for event in events if isinstance(event, Drawn) and event.pixels is not None]
    return {event.job: event.pixels.array for event in drawn if event.pixels is not None}


def test_each_step_is_previewed_and_the_recipe_draws_the_same_again(flow: Pack) -> None:
    events = _run(Engine({flow.info.name: flow}), _ask(flow))
    assert isinstance(events[-1], Finished)
    assert [event.step for event in events if isinstance(event, Previewed)] == [1, 2, 3]
    [drawn] = [event for event in events if isinstance(event, Drawn)]
    again = _pictures(_run(Engine({flow.info.name: flow}), drawn.request))
    assert drawn.pixels is not None
    assert np.array_equal(again["job 0"], drawn.pixels.array)


def test_what_is_stopped_is_kept(flow: Pack) -> None:
    engine = Engine({flow.info.name: flow})
    engine.submit("job", _ask(flow, steps=8))
    for _ in range(3):
        engine.step()
    [drawn, *_] = engine.cancel("job", keep=True)
    assert isinstance(drawn, Drawn)
    assert drawn.stopped_at is not None


def test_other_samplers_sizes_and_packs_are_drawn_beside_it_as_alone(flow: Pack, pack: Pack) -> None:
    """Among rows of the miniature, whose denoiser is a U-Net with betas."""
    requests: list[Request] = [
        _ask(flow), _ask(flow, sampler="Heun", seed=1), _ask(flow, sampler="UniPC", steps=5), ask(seed=3),
        _ask(flow, sampler="DPM++ 2M", height=96),
    ]  # fmt: skip
    packs = {flow.info.name: flow, NAME: pack}
    together = _pictures(_run(Engine(packs), *requests))
    for number, request in enumerate(requests):
        alone = _pictures(_run(Engine(packs), request))["job 0"]
        assert np.abs(together[f"job {number}"].astype(int) - alone).max() <= 1


def test_in_strict_mode_the_bits_are_the_same_in_any_company(flow: Pack) -> None:
    """Every call holds as many inputs as four pictures of the pack's own size have area, which here is that of these."""
    limits = Limits(inputs=4, strict=True)
    flow = replace(flow, denoiser=replace(flow.denoiser, native_area=64))
    requests = [_ask(flow, seed=seed, sampler=sampler) for seed, sampler in enumerate(("Euler", "Heun", "UniPC"))]
    together = _pictures(_run(Engine({flow.info.name: flow}, limits), *requests))
    for number, request in enumerate(requests):
        alone = _pictures(_run(Engine({flow.info.name: flow}, limits), request))["job 0"]
        assert np.array_equal(together[f"job {number}"], alone)


def test_a_part_is_drawn_anew_and_the_rest_stays(flow: Pack) -> None:
    """It has no channels for a mask, so the known latent is put back at each step, as for other such denoisers."""
    small = replace(flow, info=replace(flow.info, size=64))
    request = Inpaint(
        prompt="a boat", pack=flow.info.name, image=PHOTO.digest, mask=MASK.digest, width=64, height=64, steps=3,
        sampler="Euler", feather=0,
    )  # fmt: skip
    drawn = _pictures(_run(Engine({flow.info.name: small}), request))["job 0"]
    untouched = MASK.array == 0
    assert np.array_equal(drawn[untouched], PHOTO.array[untouched])
    assert not np.array_equal(drawn, PHOTO.array)


def test_what_it_cannot_do_is_refused_in_a_sentence(flow: Pack) -> None:
    def refusal(request: Request) -> str:
        [failed] = [event for event in _run(Engine({flow.info.name: flow}), request) if isinstance(event, Failed)]
        assert isinstance(failed.error, InvalidRequest)
        return str(failed.error)

    assert "a multiple of 16 with this model" in refusal(_ask(flow, width=72))
    assert "with this model one of: " in refusal(_ask(flow, sampler="DDIM"))
    with pytest.raises(InvalidRequest, match="empty with this model"):
        _ask(flow, schedule="Karras").check_sampling(flow.info.process)
    with pytest.raises(InvalidRequest, match="sampler is 'DDIM'"):
        _ask(flow, sampler="DDIM").check_sampling(flow.info.process)
    _ask(flow, steps=1).check_sampling(flow.info.process)  # which with betas would leave noise


@pytest.mark.parametrize(
    "scheduler",
    [
        {"_class_name": "DDIMScheduler", "beta_start": 0.1},
        {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": "much"},
        {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": -1},
        {"_class_name": "FlowMatchEulerDiscreteScheduler", "use_karras_sigmas": True},
        {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift_terminal": 2},
        {"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": True, "max_image_seq_len": 256},
    ],
)
def test_a_scheduler_that_cannot_be_right_is_refused(scheduler: dict[str, Any], tmp_path: Path) -> None:
    folder = write("Stable Diffusion 3", tmp_path / "model")
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    with pytest.raises(PackError, match="scheduler"):
        load_pack(find_pack(str(folder)), CPU)


def test_without_t5_zeros_stand_in_for_it(tmp_path: Path) -> None:
    """T5 takes most of the memory, and Stable Diffusion 3 was trained to do without."""
    folder = write("Stable Diffusion 3", tmp_path / "model")
    shutil.rmtree(folder / "text_encoder_3")
    pack = load_pack(find_pack(str(folder)), CPU)
    said = pack.text.encode("a red house").text
    assert said.shape == (77 + 256, 96)
    assert (said[77:] == 0).all()
    assert isinstance(_run(Engine({pack.info.name: pack}), _ask(pack))[-1], Finished)


def test_words_that_count_more_and_what_is_cut_are_known(flow: Pack) -> None:
    plain, heavy = (flow.text.encode(words).text for words in ("a red house", "a (red:1.5) house"))
    assert plain.shape == heavy.shape
    assert not torch.equal(plain, heavy)
    assert not flow.text.cuts("a red house")
    assert flow.text.cuts("house " * 200)
