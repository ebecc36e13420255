"""A traced table must do exactly what the diffusers scheduler does: over the whole catalogue, whole and from the middle.

Also against an analytic denoiser, because a scheduler can agree with its own loop and still be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from studio.errors import InvalidRequest
from studio.sampling.catalogue import FLOW, SAMPLERS, SCHEDULES, Sampler, find_sampler, samplers_for
from studio.sampling.process import BetaSchedule, Coefficients, DynamicShift, FlowSchedule, Process, find_prediction
from studio.sampling.table import SamplerTable, advance, widen
from studio.sampling.trace import Tables, step_options, trace

Model = Callable[[torch.Tensor, float], torch.Tensor]
SHAPE = (1, 4, 8, 8)
TOKENS = 1024
ETA = 0.5  # for the samplers that have one, so that their noise is tested, too
STOPS_AT_THE_LOWEST_NOISE = {"DDIM", "PLMS", "DEIS", "SA-Solver", "TCD"}  # 0.029 of noise, as trained
EVERY_SAMPLER = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=list(SAMPLERS))


class _GivenNoise(TorchFunctionMode):
    """Hands out noises made before, in place of fresh ones."""

    def __init__(self, noises: Iterator[torch.Tensor]) -> None:
        super().__init__()
        self.noises = noises

    def __torch_function__(self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        if function in (torch.randn, torch.randn_like):
            return next(self.noises)
        return function(*args, **(kwargs or {}))


def _toy_model() -> Model:
    """Not linear, and different at every time, so that no error cancels out."""
    mixing = torch.randn(256, 256, generator=torch.Generator().manual_seed(1)) / 16
    return lambda x, t: torch.tanh(x.reshape(1, -1) @ mixing * (0.5 + t / 2000)).reshape(x.shape)


def _noises(table: SamplerTable) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(SHAPE, generator=generator) for _ in range(sum(table.draws))]


def _diffusers_loop(
    sampler: Sampler, process: Process, steps: int, first_call: int, model: Model, x: torch.Tensor,
    noises: list[torch.Tensor],
) -> torch.Tensor:  # fmt: skip
    scheduler, timesteps = process.make_scheduler(sampler, steps, first_call, TOKENS)
    given = iter(noises)
    for call, t in enumerate(timesteps):
        output = model(x if process.name == FLOW else scheduler.scale_model_input(x, t), float(t))
        with _GivenNoise(given):
            x = scheduler.step(output, t, x, **step_options(sampler, ETA, call)).prev_sample
    assert next(given, None) is None, "the table says that more noise is drawn than the scheduler draws"
    return x


def _table_loop(table: SamplerTable, model: Model, x: torch.Tensor, noises: list[torch.Tensor]) -> torch.Tensor:
    state = torch.zeros(1, 1 + table.memory, *SHAPE[1:])
    state[:, 0] = x
    given = iter(noises)
    for call in range(table.calls):
        output = model(table.input_scale[call] * state[:, 0], float(table.timesteps[call]))
        noise = next(given) if table.draws[call] else torch.zeros(SHAPE)
        vectors = torch.cat([state, output[:, None], noise[:, None]], dim=1)
        state = advance(table.weights[call][None], vectors)
    return state[:, 0]


@EVERY_SAMPLER
@pytest.mark.parametrize(
    ("steps", "prediction", "middle"),
    [
        (4, "epsilon", False), (4, "v_prediction", True), (20, "epsilon", True), (20, "v_prediction", False),
        (50, "epsilon", False), (50, "v_prediction", True),
    ],
)  # fmt: skip  # every pair of values is there
def test_table_equals_the_diffusers_loop(sampler: Sampler, prediction: str, steps: int, middle: bool) -> None:
    assert _error(sampler, BetaSchedule(prediction), steps, middle=middle) <= 1e-5


def _error(sampler: Sampler, process: Process, steps: int, *, middle: bool) -> float:
    """Relative, of the table's loop against the scheduler's."""
    first_call = steps // 2 * sampler.calls if middle else 0
    table = trace(sampler, process, steps, first_call=first_call, eta=ETA, tokens=TOKENS)
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3)) * table.initial_scale
    expected = _diffusers_loop(sampler, process, steps, first_call, _toy_model(), x, _noises(table))
    actual = _table_loop(table, _toy_model(), x, _noises(table))
    assert torch.isfinite(expected).all()
    return float((actual - expected).norm() / expected.norm())


@EVERY_SAMPLER
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_every_sampler_lands_on_the_one_picture_that_an_analytic_denoiser_knows(
    sampler: Sampler, prediction: str
) -> None:
    """A denoiser that knows one picture z0 answers every latent with what leads to z0, so the end is known in closed
    form: z0 itself, or z0 at the training's lowest noise level for the samplers that diffusers stops there."""
    schedule = BetaSchedule(prediction)
    table = trace(sampler, schedule, 20)
    generator = torch.Generator().manual_seed(4)
    picture, start = torch.randn(SHAPE, generator=generator), torch.randn(SHAPE, generator=generator)
    call = iter(range(table.calls))
    noise_seen = []

    def knows_one_picture(x: torch.Tensor, t: float) -> torch.Tensor:
        at = next(call)
        a, b = table.input_scale[at] * table.signal[at], table.input_scale[at] * table.noise[at]
        noise_seen.append((x - a * picture) / b)
        return noise_seen[-1] if prediction == "epsilon" else a * noise_seen[-1] - b * picture

    landed = _table_loop(table, knows_one_picture, table.signal[0] * picture + table.noise[0] * start, _noises(table))
    scheduler, _ = schedule.make_scheduler(sampler, 20)
    last = float(scheduler.alphas_cumprod[0]) if sampler.name in STOPS_AT_THE_LOWEST_NOISE else 1.0
    expected = last**0.5 * picture + (1 - last) ** 0.5 * noise_seen[-1]
    # PLMS averages v of different times, which is exact for epsilon only; diffusers' own loop does the same.
    tolerance = 1e-2 if (sampler.name, prediction) == ("PLMS", "v_prediction") else 1e-4
    assert (landed - expected).abs().max() < tolerance


@EVERY_SAMPLER
@pytest.mark.parametrize("first", [0, 10])
def test_signal_and_noise_describe_the_samplers_own_latents(sampler: Sampler, first: int) -> None:
    """(s A)^2 + (s B)^2 = 1: what the model sees has unit variance, whatever space the sampler works in."""
    table = trace(sampler, BetaSchedule(), 20, first_call=first * sampler.calls)
    s, a, b = table.input_scale, table.signal, table.noise
    assert torch.allclose((s * a) ** 2 + (s * b) ** 2, torch.ones_like(s), atol=1e-6)


@EVERY_SAMPLER
def test_signal_and_noise_agree_with_the_schedulers_own_add_noise(sampler: Sampler) -> None:
    table = trace(sampler, BetaSchedule(), 20)
    scheduler, timesteps = BetaSchedule().make_scheduler(sampler, 20)
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    signal, noise = (float(scheduler.add_noise(*pair, timesteps[:1])) for pair in ((one, zero), (zero, one)))
    assert table.signal[0] == pytest.approx(signal, rel=1e-5)
    assert table.noise[0] == pytest.approx(noise, rel=1e-5)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("name", ["DDIM", "Euler", "Heun Karras", "DPM2 Karras"])
def test_predicted_x0_inverts_the_forward_process(name: str, prediction: str) -> None:
    table = trace(find_sampler(name), BetaSchedule(), 10)  # the coefficients are the same whatever is predicted
    z0, n = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    for call in range(table.calls):
        s, a, b = (values[call].reshape(1, 1, 1, 1) for values in (table.input_scale, table.signal, table.noise))
        output = {"epsilon": n, "v_prediction": s * a * n - s * b * z0, "sample": z0}[prediction]
        assert torch.allclose(find_prediction(prediction)(a * z0 + b * n, output, Coefficients(s, a, b)), z0, atol=2e-4)


@EVERY_SAMPLER
def test_the_fewest_and_the_most_steps_work_and_one_beyond_is_refused(sampler: Sampler) -> None:
    for steps in (sampler.fewest_steps, sampler.most_steps):
        table = trace(sampler, BetaSchedule(), steps)
        assert torch.isfinite(table.weights).all()
        assert torch.isfinite(table.noise).all()
    for steps in (sampler.fewest_steps - 1, sampler.most_steps + 1):
        with pytest.raises(InvalidRequest, match="steps"):
            trace(sampler, BetaSchedule(), steps)


@EVERY_SAMPLER
def test_calls_per_step_is_what_the_catalogue_says(sampler: Sampler) -> None:
    calls = trace(sampler, BetaSchedule(), 20).calls
    assert calls in (20 * sampler.calls, 20 * sampler.calls - 1, 21)  # a second-order sampler's last step is single


def test_a_widened_call_leaves_the_added_memory_empty_and_the_rest_as_it_was() -> None:
    table = trace(find_sampler("DPM++ 2M"), BetaSchedule(), 6)
    vectors = torch.randn(1, table.memory + 3, 4, 8, 8)
    narrow = advance(table.weights[3][None], vectors)
    apart = [vectors[:, : 1 + table.memory], torch.randn(1, 2, 4, 8, 8), vectors[:, -2:]]
    wide = advance(widen(table.weights[3], table.memory + 2)[None], torch.cat(apart, dim=1))
    assert torch.allclose(wide[:, : 1 + table.memory], narrow, atol=1e-6)
    assert (wide[:, 1 + table.memory :] == 0).all()


def test_tables_are_traced_once_and_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tables, "KEPT", 3)
    tables = Tables(BetaSchedule())
    euler = find_sampler("Euler")
    first = tables.table(euler, 5)
    assert tables.table(euler, 5) is first
    assert tables.table(euler, 5, first_call=2) is not first
    for steps in (6, 7):
        tables.table(euler, steps)
        assert tables.table(euler, 5) is first, "what is in use must not be forgotten"
    for steps in (8, 9, 10):
        tables.table(euler, steps)
    assert tables.table(euler, 5) is not first


EVERY_SCHEDULE = pytest.mark.parametrize(
    "sampler",
    [each.on(schedule) for each in SAMPLERS.values() for schedule in each.schedules],
    ids=lambda sampler: sampler.name,
)


@EVERY_SCHEDULE
@pytest.mark.parametrize("middle", [False, True], ids=["from the start", "from the middle"])
def test_every_schedule_that_can_be_chosen_is_traced_as_the_scheduler_goes(sampler: Sampler, middle: bool) -> None:
    assert _error(sampler, BetaSchedule(), 8, middle=middle) <= 1e-5


@pytest.mark.parametrize("name", ["DDIM", "PLMS", "DDPM"])
@pytest.mark.parametrize("steps", [61, 103, 121, 122])
def test_trailing_spacing_has_no_time_before_the_first(name: str, steps: int) -> None:
    """Rounding gave it one more, -1, which Python takes for the last: PLMS ended 28 deviations off."""
    table = trace(find_sampler(name).on("SGM Uniform"), BetaSchedule(), steps)
    assert table.calls == steps + (name == "PLMS")
    assert table.timesteps.min() >= 0


@pytest.mark.parametrize("name", ["LMS Karras", "PLMS"])
def test_what_begins_at_the_last_step_takes_one_step(name: str) -> None:
    table = trace(find_sampler(name), BetaSchedule(), 12, first_call=11)
    assert table.calls == 1
    assert torch.isfinite(table.weights).all()


def test_distilled_models_keep_their_own_schedule() -> None:
    assert find_sampler("LCM").schedules == ()
    assert set(find_sampler("Euler").schedules) == set(SCHEDULES)
    assert set(find_sampler("DDIM").schedules) == {"Uniform", "SGM Uniform"}


FLOWS = {
    "shifted": FlowSchedule(3.0, trained=True),
    "dynamic": FlowSchedule(DynamicShift(0.5, 1.15, 256, 4096)),
    "terminal": FlowSchedule(2.0, terminal=0.02),
}
EVERY_FLOW_SAMPLER = pytest.mark.parametrize("name", samplers_for(FLOW))


@EVERY_FLOW_SAMPLER
@pytest.mark.parametrize(
    ("flow", "steps", "middle"),
    [
        ("shifted", 4, False), ("shifted", 20, True), ("dynamic", 4, True), ("dynamic", 20, False),
        ("terminal", 4, False), ("terminal", 20, True),
    ],
)  # fmt: skip  # likewise
def test_a_flow_table_equals_the_diffusers_loop(name: str, flow: str, steps: int, middle: bool) -> None:
    assert _error(find_sampler(name), FLOWS[flow], steps, middle=middle) <= 1e-5


@EVERY_FLOW_SAMPLER
def test_every_flow_sampler_lands_on_the_one_picture_that_an_analytic_denoiser_knows(name: str) -> None:
    """As above; a flow's samplers all end without noise."""
    table = trace(find_sampler(name), FLOWS["shifted"], 20)
    generator = torch.Generator().manual_seed(4)
    picture, start = torch.randn(SHAPE, generator=generator), torch.randn(SHAPE, generator=generator)
    call = iter(range(table.calls))

    def knows_one_picture(x: torch.Tensor, t: float) -> torch.Tensor:
        return (x - picture) / table.noise[next(call)]

    landed = _table_loop(table, knows_one_picture, table.signal[0] * picture + table.noise[0] * start, _noises(table))
    assert (landed - picture).abs().max() < 1e-4
