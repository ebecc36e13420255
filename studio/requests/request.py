"""What every request has in common. A request is frozen, plain and valid: it cannot be made outside its limits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

from studio.errors import InvalidRequest
from studio.requests.limits import (
    CASCADE_SCALE,
    LARGEST_SEED,
    LARGEST_SIDE,
    LEAST_GUIDANCE,
    MOST_GUIDANCE,
    MOST_PICTURES,
    MOST_SKIPPED,
    PRECISIONS,
    SIDE_MULTIPLE,
    SMALLEST_SIDE,
    check_digest,
    check_flag,
    check_integer,
    check_number,
    check_side,
    check_text,
)
from studio.sampling.catalogue import BETAS, DEFAULT_SAMPLER, FLOW, MOST_STEPS, Sampler, find_sampler, samplers_for

IN_TWO_STAGES = (
    f"a multiple of {SIDE_MULTIPLE * CASCADE_SCALE} from {SMALLEST_SIDE * CASCADE_SCALE} to {LARGEST_SIDE}, as it is "
    "drawn in two stages"
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What every way of drawing has in common.

    width, height: of the picture that comes out, in pixels; each kind of request has limits of its own
    seed:  0 .. 2^63 - 1; picture i of ``count`` is drawn from ``seed + i``
    steps: 1 .. 150, within what the sampler can take
    eta:   0 .. 1, the noise of DDIM; other samplers ignore it
    count: 1 .. 16 pictures
    schedule: where the sampler's noise levels lie; empty for its own, else one that it takes (`SCHEDULES`)
    precision: "exact" (float32) or "fast", what the denoiser computes in; empty for what the studio is set to
    trajectory: keep what each step was heading for, as a trajectory beside the picture

    Raises `InvalidRequest`, naming the field, the value and the limit.
    """

    TASK: ClassVar[str]
    IMAGES: ClassVar[tuple[str, ...]] = ()  # the fields that name images, by their digests

    pack: str
    width: int
    height: int
    seed: int = 0
    steps: int = 20
    sampler: str = DEFAULT_SAMPLER
    schedule: str = ""
    eta: float = 0.0
    count: int = 1
    precision: str = ""
    trajectory: bool = False

    def __post_init__(self) -> None:
        check_text("pack", self.pack)
        for name, digest in self.named.items():
            check_digest(name, digest)
        check_flag("trajectory", self.trajectory)
        check_text("precision", self.precision)
        if self.precision not in ("", *PRECISIONS):
            raise InvalidRequest("precision", self.precision, f"empty, or one of: {', '.join(PRECISIONS)}")
        check_integer("count", self.count, 1, MOST_PICTURES)
        check_integer("seed", self.seed, 0, LARGEST_SEED - self.count + 1)
        check_integer("steps", self.steps, 1, MOST_STEPS)
        check_number("eta", self.eta, 0.0, 1.0)
        check_text("sampler", self.sampler)
        sampler = find_sampler(self.sampler)
        if not sampler.fewest_steps <= self.steps <= sampler.most_steps:
            expected = f"{sampler.fewest_steps} to {sampler.most_steps} with {sampler.name}"
            raise InvalidRequest("steps", self.steps, expected)
        object.__setattr__(self, "sampler", sampler.name)  # the catalogue's spelling, whatever case was typed
        check_text("schedule", self.schedule)
        if self.schedule and self.schedule not in sampler.schedules:
            expected = f"one of: {', '.join(sampler.schedules)}" if sampler.schedules else f"empty with {sampler.name}"
            raise InvalidRequest("schedule", self.schedule, expected)

    @property
    def fewest_steps(self) -> int:
        """Fewer than these leave noise, or overshoot, with its sampler and schedule."""
        return find_sampler(self.sampler).fewest(self.schedule)

    def check_sampling(self, process: str = BETAS) -> None:
        """Raises `InvalidRequest` for fewer than `fewest_steps`, and for a schedule that is never good, with a model of
        ``process``. Whoever takes a request in to be drawn asks this; what an earlier version drew can still be read.
        """
        sampler = find_sampler(self.sampler)
        if process == FLOW:
            self._check_flow(sampler)
            return
        if self.steps >= self.fewest_steps:
            return
        if self.schedule and self.schedule not in sampler.offered:
            raise InvalidRequest("schedule", self.schedule, f"one of: {', '.join(sampler.offered)}")
        expected = f"{self.fewest_steps} to {sampler.most_steps} with {sampler.name}"
        if self.schedule:
            expected = f"{self.fewest_steps} to {sampler.most_steps} with {sampler.name} on {self.schedule}"
        raise InvalidRequest("steps", self.steps, expected)

    def _check_flow(self, sampler: Sampler) -> None:
        """Models that were trained by flow matching have noise levels of their own, and some samplers."""
        if FLOW not in sampler.schedulers:
            raise InvalidRequest("sampler", sampler.name, f"with this model one of: {', '.join(samplers_for(FLOW))}")
        if self.schedule:
            raise InvalidRequest("schedule", self.schedule, "empty with this model")

    @property
    def named(self) -> dict[str, str]:
        """The digests of the images that it is made from, by their fields."""
        return {name: getattr(self, name) for name in self.IMAGES}

    def alone(self, index: int) -> Self:
        """The request that makes picture ``index`` of these alone."""
        return dataclasses.replace(self, seed=self.seed + index, count=1)

    @property
    def towards(self) -> tuple[int, float] | None:
        """A second seed, and how far the noise of `alone` lies from that of ``seed`` towards its, 0 .. 1; None where
        there is no second one."""
        return None

    @property
    def caption(self) -> str:
        """What the whole picture is steered by; empty where no words steer it."""
        return ""

    @property
    def words(self) -> str:
        """All words that steer, for whoever looks at whether they are known."""
        return self.caption

    @property
    def needs_words(self) -> bool:
        """Whether nothing but `words` says what is to be seen."""
        return False

    @property
    def shows(self) -> str:
        """What all pictures of it should show, so that they can be ranked by it; empty where there is no such thing."""
        return self.caption


@dataclass(frozen=True, kw_only=True)
class Prompted(Request):
    """What every way of drawing from words has in common.

    guidance: 1 .. 30, the scale of classifier-free guidance; 1 is none, and halves the work
    rescale:  0 .. 1, how far the guided output is brought back to the conditional's deviation (Lin et al. 2024)
    clip_skip: 0 .. 11, how many of the text encoder's last layers are left out

    In both prompts, `studio.prompts` says what stands for what.
    """

    prompt: str
    negative: str = ""
    guidance: float = 4.0
    rescale: float = 0.0
    clip_skip: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_text("prompt", self.prompt)
        check_text("negative", self.negative)
        check_number("guidance", self.guidance, LEAST_GUIDANCE, MOST_GUIDANCE)
        check_number("rescale", self.rescale, 0.0, 1.0)
        check_integer("clip_skip", self.clip_skip, 0, MOST_SKIPPED)

    @property
    def caption(self) -> str:
        return self.prompt


@dataclass(frozen=True, kw_only=True)
class Staged(Prompted):
    """What can be drawn in two stages. width, height: 64 .. 2048 pixels, multiples of 8.

    cascade: draw a picture of a quarter of the sides first, then draw that anew by the pack's model for
             super-resolution (cascaded diffusion, Ho et al. 2022); sides are then 256 .. 2048 pixels, multiples of 32
    """

    cascade: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_side("width", self.width)
        check_side("height", self.height)
        check_flag("cascade", self.cascade)
        if not self.cascade:
            return
        for name in ("width", "height"):
            side = getattr(self, name)
            if side < SMALLEST_SIDE * CASCADE_SCALE or side % (SIDE_MULTIPLE * CASCADE_SCALE):
                raise InvalidRequest(name, side, IN_TWO_STAGES)

    @property
    def base(self) -> Self:
        """The request of the first stage."""
        width, height = self.width // CASCADE_SCALE, self.height // CASCADE_SCALE
        return dataclasses.replace(self, width=width, height=height, cascade=False)
