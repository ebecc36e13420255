"""What can be asked for. A request is frozen, plain and valid: it cannot be made with a value outside its limits.

This is the one place where limits live; the page, the command line and the engine all rely on it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias, TypeVar

from studio.errors import InvalidRequest
from studio.images.boxes import MOST_BOXES, Boxed, boxed, composed
from studio.images.tiles import Tiling, tiled
from studio.samplers.catalogue import DEFAULT_SAMPLER, MOST_STEPS, find_sampler

LARGEST_SEED = 2**63 - 1
RANDOM_SEEDS = 2**32  # a random seed is below this, short enough to be read out
SMALLEST_SIDE, LARGEST_SIDE, SIDE_MULTIPLE = 64, 2048, 8
MOST_PICTURES = 16
LONGEST_PROMPT = 2000
LEAST_GUIDANCE, MOST_GUIDANCE = 1.0, 30.0
SMALLEST_PHOTO, LARGEST_PHOTO = 16, 8192  # sides of pictures that people bring, in pixels
DIGEST = re.compile(r"[0-9a-f]{64}")
FILLS = ("noise", "original", "blur")
LEAST_STRENGTH = 0.05
MOST_FEATHER = 256  # pixels
SCALES = (4, 2)
TILE, TILE_OVERLAP = 32, 8  # latents; the model was trained at TILE
MOST_SMALL_PIXELS = 2**20  # of a picture that is to have more


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """What every way of drawing has in common.

    width, height: of the picture that comes out, in pixels; each kind of request has limits of its own
    seed:  0 .. 2^63 - 1; picture i of ``count`` is drawn from ``seed + i``
    steps: 1 .. 150, within what the sampler can take
    eta:   0 .. 1, the noise of DDIM; other samplers ignore it
    count: 1 .. 16 pictures
    trajectory: keep what each step was heading for, as a film beside the picture

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
    eta: float = 0.0
    count: int = 1
    trajectory: bool = False

    def __post_init__(self) -> None:
        _check_text("pack", self.pack)
        for name, digest in self.named.items():
            _check_digest(name, digest)
        _check_flag("trajectory", self.trajectory)
        _check_integer("count", self.count, 1, MOST_PICTURES)
        _check_integer("seed", self.seed, 0, LARGEST_SEED - self.count + 1)
        _check_integer("steps", self.steps, 1, MOST_STEPS)
        _check_number("eta", self.eta, 0.0, 1.0)
        _check_text("sampler", self.sampler)
        sampler = find_sampler(self.sampler)
        if not sampler.fewest_steps <= self.steps <= sampler.most_steps:
            expected = f"{sampler.fewest_steps} to {sampler.most_steps} with {sampler.name}"
            raise InvalidRequest("steps", self.steps, expected)
        object.__setattr__(self, "sampler", sampler.name)  # the catalogue's spelling, whatever case was typed

    @property
    def named(self) -> dict[str, str]:
        """The digests of the images that it is made from, by their fields."""
        return {name: getattr(self, name) for name in self.IMAGES}

    def alone(self, index: int) -> Self:
        """The request that makes picture ``index`` of these alone."""
        return dataclasses.replace(self, seed=self.seed + index, count=1)

    @property
    def caption(self) -> str:
        """What the whole picture is steered by; empty where no words steer it."""
        return ""

    @property
    def words(self) -> str:
        """All words that steer, for whoever looks at whether they are known."""
        return self.caption

    @property
    def shows(self) -> str:
        """What all pictures of it should show, so that they can be ranked by it; empty where there is no such thing."""
        return self.caption


@dataclass(frozen=True, kw_only=True)
class Prompted(_Drawn):
    """What every way of drawing from words has in common.

    guidance: 1 .. 30, the scale of classifier-free guidance; 1 is none, and halves the work
    rescale:  0 .. 1, how far the guided output is brought back to the spread of the unguided (Lin et al. 2024)
    """

    prompt: str
    negative: str = ""
    guidance: float = 4.0
    rescale: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_text("prompt", self.prompt)
        _check_text("negative", self.negative)
        _check_number("guidance", self.guidance, LEAST_GUIDANCE, MOST_GUIDANCE)
        _check_number("rescale", self.rescale, 0.0, 1.0)

    @property
    def caption(self) -> str:
        return self.prompt


@dataclass(frozen=True, kw_only=True)
class TextToImage(Prompted):
    """Pictures from words. width, height: 64 .. 2048 pixels, multiples of 8. The rest: see `Prompted`."""

    TASK: ClassVar[str] = "text-to-image"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_side("width", self.width)
        _check_side("height", self.height)


@dataclass(frozen=True, kw_only=True)
class LayoutToImage(Prompted):
    """Pictures from boxes with phrases. width, height: as for `TextToImage`.

    prompt:    of the whole picture, or of what is around the boxes; phrases that it lacks are added (`caption`)
    boxes:     1 .. 30, each with its phrase; mappings become `Boxed`
    grounding: 0 .. 1, the share of the steps, from the first on, at which the boxes steer
    """

    TASK: ClassVar[str] = "layout-to-image"

    boxes: tuple[Boxed, ...]
    grounding: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_side("width", self.width)
        _check_side("height", self.height)
        _check_number("grounding", self.grounding, 0.0, 1.0)
        if not isinstance(self.boxes, (list, tuple)) or not 1 <= len(self.boxes) <= MOST_BOXES:
            shown = f"{len(self.boxes)} boxes" if isinstance(self.boxes, (list, tuple)) else self.boxes
            raise InvalidRequest("boxes", shown, f"1 to {MOST_BOXES} of them")
        object.__setattr__(self, "boxes", tuple(boxed(each) for each in self.boxes))
        for each in self.boxes:
            _check_text("phrase", each.phrase)

    @property
    def caption(self) -> str:
        return composed(self.boxes, self.prompt)

    @property
    def words(self) -> str:
        return " ".join([self.prompt, *(each.phrase for each in self.boxes)])


@dataclass(frozen=True, kw_only=True)
class Inpaint(Prompted):
    """A picture with a part of it drawn anew; what is not under the mask stays as it is, to the byte.

    image, mask:   the picture and what to repaint of it, by their digests; both of one size
    width, height: that size, 16 .. 8192 pixels
    fill:          what drawing begins from under the mask: "noise" alone, the "original", or a "blur" of what is around
    strength:      0.05 .. 1, the share of the noise levels that are gone through where ``fill`` is not "noise";
                   1 keeps least of it
    only_masked:   work on the mask's surroundings at the pack's own size, not on the whole picture
    padding:       0 .. 2048, how many pixels of surroundings the model then sees
    feather:       0 .. 256, over how many pixels, inside the mask, new and old are joined
    """

    TASK: ClassVar[str] = "inpaint"
    IMAGES: ClassVar[tuple[str, ...]] = ("image", "mask")

    image: str
    mask: str
    fill: str = "noise"
    strength: float = 1.0
    only_masked: bool = False
    padding: int = 32
    feather: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_integer("width", self.width, SMALLEST_PHOTO, LARGEST_PHOTO)
        _check_integer("height", self.height, SMALLEST_PHOTO, LARGEST_PHOTO)
        if self.fill not in FILLS:
            raise InvalidRequest("fill", self.fill, f"one of: {', '.join(FILLS)}")
        _check_number("strength", self.strength, LEAST_STRENGTH, 1.0)
        _check_flag("only_masked", self.only_masked)
        _check_integer("padding", self.padding, 0, LARGEST_SIDE)
        _check_integer("feather", self.feather, 0, MOST_FEATHER)


@dataclass(frozen=True, kw_only=True)
class SuperResolve(_Drawn):
    """A picture with more pixels, whose details are drawn: each seed invents others. The rest: see `_Drawn`.

    image:         the picture, by its digest; at most a megapixel
    width, height: of what comes out, the picture's times ``scale``, 32 .. 8192 pixels
    scale:         4, what the model was trained for, or 2, which is 4 averaged
    consistent:    correct what was drawn until it averages down to the picture again (back-projection)
    """

    TASK: ClassVar[str] = "super-resolve"
    IMAGES: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    scale: int = 4
    consistent: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.scale, bool) or self.scale not in SCALES:
            raise InvalidRequest("scale", self.scale, f"one of: {', '.join(map(str, SCALES))}")
        for name in ("width", "height"):
            side = getattr(self, name)
            _check_integer(name, side, SMALLEST_PHOTO * self.scale, LARGEST_PHOTO)
            if side % self.scale:
                raise InvalidRequest(name, side, f"the picture's, times {self.scale}")
        if self.width * self.height > MOST_SMALL_PIXELS * self.scale**2:
            shown = f"{self.width // self.scale}x{self.height // self.scale}"
            raise InvalidRequest("image", shown, "a picture of at most a megapixel; make it smaller first")
        _check_flag("consistent", self.consistent)

    @property
    def tiling(self) -> Tiling:
        """How the model will see the picture, one latent a pixel, its sides rounded up to what the model takes."""
        rows, columns = (-(-side // self.scale // SIDE_MULTIPLE) * SIDE_MULTIPLE for side in (self.height, self.width))
        return tiled(rows, columns, TILE, TILE_OVERLAP)


@dataclass(frozen=True, kw_only=True)
class Vary(Prompted):
    """Pictures like a picture. width, height: as for `TextToImage`; the source's middle is cut to their shape.

    image:    the source, by its digest
    prompt:   what else should be in them; may be empty
    likeness: 0 .. 1, how strongly what the source shows steers (the scale of IP-Adapter)
    strength: 0.05 .. 1, the share of the noise levels that are gone through from the source on (image-to-image);
              1 begins from noise alone
    """

    TASK: ClassVar[str] = "vary"
    IMAGES: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    prompt: str = ""
    likeness: float = 1.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_side("width", self.width)
        _check_side("height", self.height)
        _check_number("likeness", self.likeness, 0.0, 1.0)
        _check_number("strength", self.strength, LEAST_STRENGTH, 1.0)


@dataclass(frozen=True, kw_only=True)
class Interpolate(Prompted):
    """Pictures on the way from one picture to another, from words to other words, or both. width, height: as for
    `TextToImage`; ``seed`` begins the way and ``seed`` + 1 ends it.

    image, other: the two pictures, by their digests; both or none
    other_prompt: the words at the end; empty = ``prompt`` all the way
    likeness:     as for `Vary`
    begin, end:   0 .. 1, the part of the way that the ``count`` pictures go; a single one stands at ``begin``
    """

    TASK: ClassVar[str] = "interpolate"
    IMAGES: ClassVar[tuple[str, ...]] = ("image", "other")

    image: str = ""
    other: str = ""
    prompt: str = ""
    other_prompt: str = ""
    likeness: float = 1.0
    begin: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_side("width", self.width)
        _check_side("height", self.height)
        _check_text("other_prompt", self.other_prompt)
        if bool(self.image) != bool(self.other):
            raise InvalidRequest("other" if self.image else "image", None, "a picture at both ends of the way, or none")
        if not self.image and not (self.prompt and self.other_prompt):
            raise InvalidRequest("other", None, "two pictures, or words at both ends of the way")
        _check_number("likeness", self.likeness, 0.0, 1.0)
        _check_number("begin", self.begin, 0.0, 1.0)
        _check_number("end", self.end, 0.0, 1.0)
        _check_integer("seed", self.seed, 0, LARGEST_SEED - 1)

    @property
    def named(self) -> dict[str, str]:
        return {name: digest for name, digest in super().named.items() if digest}

    @property
    def positions(self) -> tuple[float, ...]:
        """Where on the way each picture stands, 0 .. 1."""
        return _between(self.begin, self.end, self.count)

    def alone(self, index: int) -> Self:
        position = self.positions[index]
        return dataclasses.replace(self, begin=position, end=position, count=1)

    @property
    def words(self) -> str:
        return f"{self.prompt} {self.other_prompt}".strip()

    @property
    def shows(self) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class Noise(Prompted):
    """The forward process (Sohl-Dickstein et al. 2015, Ho et al. 2020): a picture with more and more noise, and beside
    each, on its right, what the model takes it for, in one step. width, height: of both together, the width a multiple
    of 16. All have the same noise. Steps and sampler play no part.

    image:      the picture, by its digest; its middle is cut to the shape
    prompt:     what the model is told of it; may be empty
    begin, end: 0 .. 1, the times of the first and the last of ``count`` pictures: the share of the training's steps
    """

    TASK: ClassVar[str] = "noise"
    IMAGES: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    prompt: str = ""
    guidance: float = 1.0
    steps: int = 1
    sampler: str = "DDIM"
    begin: float = 0.1
    end: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_side("width", self.width)
        if self.width % (2 * SIDE_MULTIPLE):
            raise InvalidRequest("width", self.width, f"a multiple of {2 * SIDE_MULTIPLE}: two pictures side by side")
        _check_side("height", self.height)
        _check_number("begin", self.begin, 0.0, 1.0)
        _check_number("end", self.end, 0.0, 1.0)

    @property
    def shows(self) -> str:
        return ""

    @property
    def times(self) -> tuple[float, ...]:
        """When each picture is, 0 .. 1."""
        return _between(self.begin, self.end, self.count)

    def alone(self, index: int) -> Self:
        time = self.times[index]
        return dataclasses.replace(self, begin=time, end=time, count=1)


def _between(begin: float, end: float, count: int) -> tuple[float, ...]:
    """``count`` numbers from ``begin`` to ``end``; a single one is ``begin``."""
    return tuple(begin + (end - begin) * index / max(1, count - 1) for index in range(count))


Request: TypeAlias = TextToImage | LayoutToImage | Inpaint | SuperResolve | Vary | Interpolate | Noise
REQUESTS: tuple[type[Request], ...] = (TextToImage, LayoutToImage, Inpaint, SuperResolve, Vary, Interpolate, Noise)

_Request = TypeVar("_Request", bound=_Drawn)


def to_mapping(request: Request) -> dict[str, Any]:
    """Plain values, as they go into a recipe; `from_mapping` gives an equal request back."""
    return {"task": request.TASK, **dataclasses.asdict(request)}


def from_mapping(values: Mapping[str, Any]) -> Request:
    """The request that ``values`` describe. Raises `InvalidRequest` for anything missing, unknown or out of limits."""
    rest = dict(values)
    task = rest.pop("task", None)
    kinds = {kind.TASK: kind for kind in REQUESTS}
    if task not in kinds:
        raise InvalidRequest("task", task, f"one of: {', '.join(kinds)}")
    return _build(kinds[task], rest)


def _build(kind: type[_Request], values: dict[str, Any]) -> _Request:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name, value in values.items():
        if name not in fields:
            raise InvalidRequest(name, value, f"one of the fields {', '.join(fields)}")
    for name, field in fields.items():
        if field.default is dataclasses.MISSING and name not in values:
            raise InvalidRequest(name, None, "a value; it is missing")
    return kind(**values)


def _check_text(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidRequest(field, value, "text")
    if len(value) > LONGEST_PROMPT:
        raise InvalidRequest(field, value, f"at most {LONGEST_PROMPT} characters, not {len(value)}")
    if "\0" in value or any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise InvalidRequest(field, value, "text without null characters and broken surrogates")


def _check_digest(field: str, value: object) -> None:
    if not isinstance(value, str) or not DIGEST.fullmatch(value):
        raise InvalidRequest(field, value, "64 hexadecimal digits, the SHA-256 of an image")


def _check_flag(field: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidRequest(field, value, "true or false")


def _check_integer(field: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRequest(field, value, f"a whole number from {least} to {most}")


def _check_number(field: str, value: object, least: float, most: float) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:  # type: ignore[operator] # which nan and infinity are not, either
        raise InvalidRequest(field, value, f"a number from {least:g} to {most:g}")


def _check_side(field: str, value: object) -> None:
    expected = f"a multiple of {SIDE_MULTIPLE} from {SMALLEST_SIDE} to {LARGEST_SIDE}"
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not SMALLEST_SIDE <= value <= LARGEST_SIDE or value % SIDE_MULTIPLE:  # type: ignore[operator]
        raise InvalidRequest(field, value, expected)
