"""The samplers that the picker offers: one entry each, a diffusers scheduler class with its options for each process
that it can draw with.

To add a sampler, add an entry; the contract tests run over all of them. Not offered, because they are not linear in
their inputs or not sound: anything with thresholding or ``clip_sample``, UniPC ``bh1`` (NaN at its last step) and iPNDM
(betas of its own).

Importing this module imports neither torch nor diffusers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from studio.errors import InvalidRequest

Options = Mapping[str, Any]
MOST_STEPS = 150
NEVER = MOST_STEPS + 1  # steps
BETAS, FLOW = "betas", "flow"  # the processes, see `studio.sampling.process`


@dataclass(frozen=True)
class Sampler:
    """``scheduler`` is a class of ``diffusers``; ``options`` go to its constructor, ``step_options`` to its ``step``.
    ``flow_scheduler`` with its ``flow_options`` is the one for models that were trained by flow matching, if any.

    ``known_as`` is what other programs call it: sampler and schedule type, as in the "parameters" text.
    ``calls`` is how many times a step calls the model (second-order samplers need two, but for the last step).
    ``fewest_steps`` can be taken at all; ``needs`` are more than those, by schedule (its own is empty): fewer leave
    noise, overshoot or lose the picture, as `benchmarks.samplers` measures it with denoisers whose right answer is
    known. A schedule that is `NEVER` good is not offered.
    """

    name: str
    scheduler: str
    description: str
    known_as: tuple[str, str]
    options: Options = field(default_factory=dict)
    step_options: Options = field(default_factory=dict)
    calls: int = 1
    eta: bool = False
    distilled: bool = False
    needs: Mapping[str, int] = field(default_factory=dict)
    fewest_steps: int = 1
    most_steps: int = MOST_STEPS
    flow_scheduler: str = ""
    flow_options: Options = field(default_factory=dict)

    @property
    def schedulers(self) -> Mapping[str, str]:
        """The scheduler's class for each process that it can draw with."""
        both = {BETAS: self.scheduler, FLOW: self.flow_scheduler}
        return {process: scheduler for process, scheduler in both.items() if scheduler}

    @property
    def schedules(self) -> tuple[str, ...]:
        """The names in `SCHEDULES` that its scheduler takes."""
        if self.distilled:
            return ()
        has_spacing, has_sigmas = self.scheduler != SINGLESTEP, self.scheduler in WITH_SIGMAS
        return tuple(name for name, options in SCHEDULES.items() if (has_spacing if SPACING in options else has_sigmas))

    @property
    def offered(self) -> tuple[str, ...]:
        """Those of its schedules that may be asked for."""
        return tuple(name for name in self.schedules if self.fewest(name) <= self.most_steps)

    def fewest(self, schedule: str) -> int:
        """The fewest steps that may be asked for with ``schedule``; empty for its own."""
        return max(self.fewest_steps, self.needs.get(schedule, 1))

    def on(self, schedule: str) -> Sampler:
        """This sampler with its noise levels where ``schedule`` has them; empty for its own."""
        if not schedule:
            return self
        kept = {name: value for name, value in self.options.items() if not name.startswith("use_")}
        name = f"{self.name} on {schedule}"
        return replace(self, name=name, options={**kept, **SCHEDULES[schedule]}, known_as=(self.known_as[0], schedule))


KARRAS = {"use_karras_sigmas": True}
SPACING = "timestep_spacing"
# Where the noise levels lie, as other programs call it: even in the training's times, in the power 1/7 of sigma (Karras
# et al. 2022, equation 5), in its logarithm, by a beta distribution (Lee et al. 2024), or from the noisiest time on.
SCHEDULES: Mapping[str, Options] = MappingProxyType(
    {
        "Uniform": {SPACING: "linspace"},
        "Karras": KARRAS,
        "Exponential": {"use_exponential_sigmas": True},
        "Beta": {"use_beta_sigmas": True},
        "SGM Uniform": {SPACING: "trailing"},
    }
)
WITH_SIGMAS = frozenset(
    {
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "UniPCMultistepScheduler",
        "DEISMultistepScheduler",
        "EulerDiscreteScheduler",
        "HeunDiscreteScheduler",
        "KDPM2DiscreteScheduler",
        "KDPM2AncestralDiscreteScheduler",
        "LMSDiscreteScheduler",
        "SASolverScheduler",
    }
)
COMPVIS = {"timestep_spacing": "leading", "steps_offset": 1, "set_alpha_to_one": False}
STOCHASTIC = {"algorithm_type": "sde-dpmsolver++", **KARRAS}
IN_TWO = {"": 2, "Uniform": 2, "Karras": 2, "Exponential": 2, "Beta": 2}  # as the only step is at the last time
HEUN_NEEDS = {"": 5, "Uniform": 5, "Karras": 5, "Exponential": 5, "Beta": 10, "SGM Uniform": 3}
MULTISTEP, SINGLESTEP = "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"

SAMPLERS: Mapping[str, Sampler] = MappingProxyType({
    sampler.name: sampler
    for sampler in (
        Sampler("DPM++ 2M Karras", MULTISTEP, "The all-rounder: clean pictures in 15 to 25 steps.",
                ("DPM++ 2M", "Karras"), KARRAS),
        Sampler("DPM++ 2M", MULTISTEP, "The same on an even time grid; steadier with many steps.",
                ("DPM++ 2M", "SGM Uniform"), {"timestep_spacing": "trailing"}, flow_scheduler=MULTISTEP),
        Sampler("DPM++ 2M SDE Karras", MULTISTEP, "Fresh noise at each step: richer, from 25 steps on.",
                ("DPM++ 2M SDE", "Karras"), STOCHASTIC, needs={"Beta": 8}),
        Sampler("DPM++ 3M SDE", MULTISTEP, "Third order with fresh noise; for 30 steps and more.",
                ("DPM++ 3M SDE", "Karras"), {**STOCHASTIC, "solver_order": 3}, needs={"Beta": 32}),
        Sampler("DPM++ 2S", SINGLESTEP, "Single-step second order; careful at low guidance.",
                ("DPM++ 2S", "Automatic"), {"solver_order": 2}, flow_scheduler=SINGLESTEP,
                flow_options={"solver_order": 2}),
        Sampler("UniPC Karras", "UniPCMultistepScheduler", "Predictor and corrector: the most exact at few steps.",
                ("UniPC", "Karras"), {"solver_type": "bh2", **KARRAS}),
        Sampler("UniPC", "UniPCMultistepScheduler", "Predictor and corrector on an even time grid.",
                ("UniPC", "Automatic"), {"solver_type": "bh2"}, flow_scheduler="UniPCMultistepScheduler",
                flow_options={"solver_type": "bh2"}),
        Sampler("DEIS", "DEISMultistepScheduler", "Exponential integrator; good in 10 to 20 steps.",
                ("DEIS", "Automatic"), needs={"Karras": 2, "Exponential": 2, "Beta": 2}),
        Sampler("Euler", "EulerDiscreteScheduler", "The simplest: one straight stride a step.",
                ("Euler", "Automatic"), {"timestep_spacing": "linspace"}, needs=IN_TWO,
                flow_scheduler="FlowMatchEulerDiscreteScheduler"),
        Sampler("Euler Karras", "EulerDiscreteScheduler", "Euler with small strides where detail appears.",
                ("Euler", "Karras"), {"timestep_spacing": "linspace", **KARRAS}, needs=IN_TWO),
        Sampler("Euler exponential", "EulerDiscreteScheduler", "Euler with strides even in the logarithm of the noise.",
                ("Euler", "Exponential"), {"timestep_spacing": "linspace", "use_exponential_sigmas": True},
                needs=IN_TWO),
        Sampler("Euler a", "EulerAncestralDiscreteScheduler", "Fresh noise at each step; never quite settles.",
                ("Euler a", "Automatic"), {"timestep_spacing": "linspace"}, needs={"": 2, "Uniform": 2}),
        Sampler("Heun", "HeunDiscreteScheduler", "Euler with a second look: twice the work a step, fewer steps needed.",
                ("Heun", "Automatic"), {"timestep_spacing": "linspace"}, calls=2, needs=HEUN_NEEDS,
                flow_scheduler="FlowMatchHeunDiscreteScheduler"),
        Sampler("Heun Karras", "HeunDiscreteScheduler", "Heun with small strides where detail appears.",
                ("Heun", "Karras"), {"timestep_spacing": "linspace", **KARRAS}, calls=2, needs=HEUN_NEEDS),
        Sampler("DPM2 Karras", "KDPM2DiscreteScheduler", "Looks at the middle of each stride; twice the work a step.",
                ("DPM2", "Karras"), KARRAS, calls=2, fewest_steps=2,
                needs={"": 4, "Uniform": 5, "Karras": 4, "Exponential": 4, "Beta": 10}),
        Sampler("DPM2 a", "KDPM2AncestralDiscreteScheduler", "DPM2 with fresh noise; twice the work a step.",
                ("DPM2 a", "Automatic"), calls=2, fewest_steps=2,
                needs={"": 9, "Uniform": 9, "Karras": 7, "Exponential": 7, "Beta": 16, "SGM Uniform": 4}),
        Sampler("LMS Karras", "LMSDiscreteScheduler", "Remembers four strides; smooth at 20 steps and more.",
                ("LMS", "Karras"), {"timestep_spacing": "linspace", **KARRAS}, {"order": 4}, needs=IN_TWO),
        Sampler("DDIM", "DDIMScheduler", "The classic of latent diffusion; eta adds noise, 0 is deterministic.",
                ("DDIM", "Automatic"), {"clip_sample": False, **COMPVIS}, eta=True, needs={"": 2, "Uniform": NEVER}),
        Sampler("PLMS", "PNDMScheduler", "Latent diffusion's first default: DDIM with memory.",
                ("PLMS", "Automatic"), {"skip_prk_steps": True, **COMPVIS}, fewest_steps=2,
                needs={"": 7, "Uniform": NEVER, "SGM Uniform": 7}),
        Sampler("DDPM", "DDPMScheduler", "The original, noise at every step; wants 50 steps or more.",
                ("DDPM", "Automatic"), {"clip_sample": False}, needs={"": 2, "Uniform": 2}),
        Sampler("SA-Solver", "SASolverScheduler", "Stochastic Adams: fresh noise and long memory.",
                ("SA Solver", "Automatic"), needs={"Karras": 10, "Exponential": 10, "Beta": 33}),
        Sampler("LCM", "LCMScheduler", "For distilled models only: pictures in 4 to 8 steps.",
                ("LCM", "Automatic"), {"clip_sample": False}, distilled=True, most_steps=50,
                flow_scheduler="FlowMatchLCMScheduler"),
        Sampler("TCD", "TCDScheduler", "For distilled models only: like LCM, with less loss at more steps.",
                ("TCD", "Automatic"), {"clip_sample": False}, {"eta": 0.3}, distilled=True, most_steps=50),
    )
})  # fmt: skip

DEFAULT_SAMPLER = "DPM++ 2M Karras"


def samplers_for(process: str) -> list[str]:
    """The names of those that can draw with models of ``process``."""
    return [name for name, sampler in SAMPLERS.items() if process in sampler.schedulers]


def is_for_distilled(name: object) -> bool:
    """Whether ``name`` is that of a sampler for distilled models, whatever the case; False for what is no name."""
    return isinstance(name, str) and any(
        each.distilled and each.name.casefold() == name.casefold() for each in SAMPLERS.values()
    )


def find_sampler(name: str) -> Sampler:
    """The sampler called ``name``, whatever the case. Raises `InvalidRequest` if there is none."""
    for known, sampler in SAMPLERS.items():
        if known.casefold() == name.casefold():
            return sampler
    raise InvalidRequest("sampler", name, "one of: {names}", names=", ".join(SAMPLERS))
