"""What every request has in common. A request is frozen, plain and valid: it cannot be made outside its limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from studio.errors import InvalidRequest
from studio.message import Message, Parameter
from studio.requests.fields import Choice, Field, Flag, Number, Picture, SamplerName, Text, Whole, fields_of
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
    check_integer,
)
from studio.sampling.catalogue import BETAS, DEFAULT_SAMPLER, FLOW, MOST_STEPS, Sampler, find_sampler, samplers_for

IN_TWO_STAGES = Message(
    "a multiple of {multiple} from {least} to {most}, as it is drawn in two stages",
    multiple=SIDE_MULTIPLE * CASCADE_SCALE, least=SMALLEST_SIDE * CASCADE_SCALE, most=LARGEST_SIDE,
)  # fmt: skip
SIDE = Whole("of the picture in pixels", SMALLEST_SIDE, LARGEST_SIDE, SIDE_MULTIPLE)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What every way of drawing has in common. What a field is, its limits and its names elsewhere stand beside it
    (`studio.requests.fields`); rules over several fields follow in ``__post_init__``.

    Raises `InvalidRequest`, naming the field, the value and the limit.
    """

    TASK: ClassVar[str]
    ABOUT: ClassVar[str]  # what it does, in a sentence
    SIZED_BY: ClassVar[str] = ""  # the field whose picture says how large it is; empty where somebody asks for a size
    NEEDS: ClassVar[frozenset[str]] = frozenset()  # what a model must have to draw it (`studio.requests.needs`)
    UNASKED: ClassVar[frozenset[str]] = frozenset({"precision"})  # fields that no endpoint and no command takes

    pack: Annotated[str, Text("the model", infotext="Model")]
    width: Annotated[int, Field("of the picture in pixels")]  # each kind of request has limits of its own
    height: Annotated[int, Field("of the picture in pixels")]
    seed: Annotated[
        int, Field("of the first picture, 0 to 2^63-1; each further picture has the next one", infotext="Seed")
    ] = 0
    steps: Annotated[int, Whole("within what the sampler can take", 1, MOST_STEPS, infotext="Steps")] = 20
    sampler: Annotated[str, SamplerName("one of the page's samplers", infotext="Sampler")] = DEFAULT_SAMPLER
    schedule: Annotated[
        str,
        Text(
            "where the sampler's noise levels lie: Uniform, Karras, Exponential, Beta or SGM Uniform; empty: its own",
            infotext="Schedule type", in_endpoints=False,
        ),
    ] = ""  # fmt: skip
    eta: Annotated[
        float,
        Number("noise of DDIM; other samplers ignore it", 0, 1, infotext="Eta DDIM", silent=0, in_endpoints=False),
    ] = 0.0
    count: Annotated[int, Whole("how many pictures", 1, MOST_PICTURES)] = 1
    precision: Annotated[
        str,
        Choice(
            "what the denoiser computes in; empty for what the studio is set to", PRECISIONS, may_be_empty=True
        ),
    ] = ""  # fmt: skip
    trajectory: Annotated[
        bool, Flag("keep what each step was heading for, beside the picture", option="--film", in_endpoints=False)
    ] = False

    def __post_init__(self) -> None:
        for name, field in fields_of(type(self)).items():
            value = getattr(self, name)
            if (kept := field.checked(name, value)) is not value:
                object.__setattr__(self, name, kept)
        check_integer("seed", self.seed, 0, LARGEST_SEED - self.count + 1)
        sampler = find_sampler(self.sampler)
        if not sampler.fewest_steps <= self.steps <= sampler.most_steps:
            least, most = sampler.fewest_steps, sampler.most_steps
            expected = Message("{least} to {most} with {sampler}", least=least, most=most, sampler=sampler.name)
            raise InvalidRequest("steps", self.steps, expected)
        if self.schedule and self.schedule not in sampler.schedules:
            expected = Message("empty with {sampler}", sampler=sampler.name)
            if sampler.schedules:
                expected = Message("one of: {names}", names=", ".join(sampler.schedules))
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
            raise InvalidRequest("schedule", self.schedule, "one of: {names}", names=", ".join(sampler.offered))
        words: dict[str, Parameter] = {"least": self.fewest_steps, "most": sampler.most_steps, "sampler": sampler.name}
        expected = Message("{least} to {most} with {sampler}", **words)
        if self.schedule:
            expected = Message("{least} to {most} with {sampler} on {schedule}", schedule=self.schedule, **words)
        raise InvalidRequest("steps", self.steps, expected)

    def _check_flow(self, sampler: Sampler) -> None:
        """Models that were trained by flow matching have noise levels of their own, and some samplers."""
        if FLOW not in sampler.schedulers:
            raise InvalidRequest(
                "sampler", sampler.name, "with this model one of: {names}", names=", ".join(samplers_for(FLOW))
            )
        if self.schedule:
            raise InvalidRequest("schedule", self.schedule, "empty with this model")

    @classmethod
    def sides(cls, width: int, height: int, asked: Mapping[str, Any]) -> tuple[int, int]:
        """Width and height of what is made from a picture of that size, or drawn at a model's own, where nobody says
        more than what is ``asked``."""
        return width, height

    @classmethod
    def asked(cls) -> dict[str, Field]:
        """The fields that somebody who draws from elsewhere than the page can be asked for."""
        untold = cls.UNASKED | ({"width", "height"} if cls.SIZED_BY else set())
        return {name: field for name, field in fields_of(cls).items() if name not in untold}

    @classmethod
    def images(cls) -> tuple[str, ...]:
        """The fields that name images, by their digests."""
        return tuple(name for name, field in fields_of(cls).items() if isinstance(field, Picture))

    @property
    def named(self) -> dict[str, str]:
        """The digests of the images that it is made from, by their fields."""
        return {name: digest for name in self.images() if (digest := getattr(self, name))}

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

    In both prompts, `studio.prompts` says what stands for what. ``guidance`` of 1 is none, and halves the work;
    ``rescale`` brings what is guided back to the conditional's deviation (Lin et al. 2024).
    """

    prompt: Annotated[str, Text("what should be seen, in English, Chinese or German")]
    negative: Annotated[str, Text("what should not be seen")] = ""
    guidance: Annotated[
        float,
        Number("the scale of classifier-free guidance", LEAST_GUIDANCE, MOST_GUIDANCE, infotext="CFG scale"),
    ] = 4.0
    rescale: Annotated[
        float, Number("guidance rescale", 0, 1, infotext="CFG Rescale", silent=0, in_endpoints=False)
    ] = 0.0
    clip_skip: Annotated[
        int,
        Whole(
            "last layers of the text encoder to leave out", 0, MOST_SKIPPED, infotext="Clip skip", silent=0,
            in_endpoints=False,
        ),
    ] = 0  # fmt: skip

    @property
    def caption(self) -> str:
        return self.prompt


@dataclass(frozen=True, kw_only=True)
class Staged(Prompted):
    """What can be drawn in two stages: a picture of a quarter of the sides first, then that anew by the pack's model
    for super-resolution (cascaded diffusion, Ho et al. 2022). Sides are then 256 .. 2048 pixels, multiples of 32.
    """

    width: Annotated[int, SIDE]
    height: Annotated[int, SIDE]
    cascade: Annotated[bool, Flag("a small picture first, then that anew with four times its sides")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
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
