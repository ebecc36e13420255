"""What can be asked for. A request is frozen, plain and valid: it cannot be made with a value outside its limits.

This is the one place where limits live; the page, the command line and the engine all rely on it.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, TypeVar

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
TILE, TILE_OVERLAP = 64, 16  # latents
MOST_SMALL_PIXELS = 2**20  # of a picture that is to have more


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """What every way of drawing has in common.

    width, height: of the picture that comes out, in pixels; each kind of request has limits of its own
    seed:  0 .. 2^63 - 1; picture i of ``count`` is drawn from ``seed + i``
    steps: 1 .. 150, within what the sampler can take
    eta:   0 .. 1, the noise of DDIM; other samplers ignore it
    count: 1 .. 16 pictures

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

    def __post_init__(self) -> None:
        _check_text("pack", self.pack)
        for name in self.IMAGES:
            _check_digest(name, getattr(self, name))
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
    def caption(self) -> str:
        """What the whole picture is steered by; empty where no words steer it."""
        return ""

    @property
    def words(self) -> str:
        """All words that steer, for whoever looks at whether they are known."""
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
        if not isinstance(self.only_masked, bool):
            raise InvalidRequest("only_masked", self.only_masked, "true or false")
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
        if not isinstance(self.consistent, bool):
            raise InvalidRequest("consistent", self.consistent, "true or false")

    @property
    def tiling(self) -> Tiling:
        """How the model will see the picture, one latent a pixel, its sides rounded up to what the model takes."""
        rows, columns = (-(-side // self.scale // SIDE_MULTIPLE) * SIDE_MULTIPLE for side in (self.height, self.width))
        return tiled(rows, columns, TILE, TILE_OVERLAP)


Request: TypeAlias = TextToImage | LayoutToImage | Inpaint | SuperResolve
REQUESTS: tuple[type[Request], ...] = (TextToImage, LayoutToImage, Inpaint, SuperResolve)

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


def _check_integer(field: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRequest(field, value, f"a whole number from {least} to {most}")


def _check_number(field: str, value: object, least: float, most: float) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not least <= value <= most:  # type: ignore[arg-type, operator]
        raise InvalidRequest(field, value, f"a number from {least:g} to {most:g}")


def _check_side(field: str, value: object) -> None:
    expected = f"a multiple of {SIDE_MULTIPLE} from {SMALLEST_SIDE} to {LARGEST_SIDE}"
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not SMALLEST_SIDE <= value <= LARGEST_SIDE or value % SIDE_MULTIPLE:  # type: ignore[operator]
        raise InvalidRequest(field, value, expected)
