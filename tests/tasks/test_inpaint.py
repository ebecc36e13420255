"""Only what is under the mask is made anew, whatever the picture's size and the denoiser's kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from studio.engine.engine import Engine
from studio.engine.scheduler import Limits
from studio.errors import InvalidRequest
from studio.events import Drawn, Event, Failed, Previewed
from studio.images.pixels import Image, Mask, Pixels
from studio.models.model import Pack
from studio.requests.inpaint import Inpaint
from studio.tasks.inpaint import prepare
from tests.miniature import NAME, ask, make_pack


def _photo(width: int, height: int) -> Pixels:
    return Pixels.of(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


def _mask(width: int, height: int, box: tuple[int, int, int, int]) -> Mask:
    array = np.zeros((height, width), np.uint8)
    array[box[1] : box[3], box[0] : box[2]] = 255
    return Mask.of(array)


def _asked(photo: Pixels, mask: Mask, **changes: Any) -> tuple[Inpaint, dict[str, Image]]:
    values = {"prompt": "a red house", "pack": NAME, "steps": 4, "width": photo.width, "height": photo.height}
    request = Inpaint(image=photo.digest, mask=mask.digest, **{**values, **changes})
    return request, {photo.digest: photo, mask.digest: mask}


def _draw(pack: Pack, request: Inpaint, images: dict[str, Image]) -> list[Event]:
    engine = Engine({NAME: pack})
    events = engine.submit("job", request, images=images)
    while engine.has_work:
        events += engine.step()
    return events


def _pictures(events: list[Event]) -> list[np.ndarray]:
    return [event.pixels.array for event in events if isinstance(event, Drawn) and event.pixels]


@pytest.fixture(scope="module")
def blind() -> Pack:
    """A denoiser of four channels, which is conditional nothing of masks."""
    return make_pack(sees_masks=False)


@pytest.mark.parametrize("kind", ["sees masks", "blind"])
@pytest.mark.parametrize("size", [(64, 64), (300, 200), (101, 333)])
@pytest.mark.parametrize("only_masked", [False, True])
def test_what_is_not_under_the_mask_stays_to_the_byte(
    kind: str, size: tuple[int, int], only_masked: bool, pack: Pack, blind: Pack
) -> None:
    photo, mask = _photo(*size), _mask(*size, (20, 10, 50, 40))
    request, images = _asked(photo, mask, only_masked=only_masked, padding=8, feather=3, count=2)
    pictures = _pictures(_draw(pack if kind == "sees masks" else blind, request, images))
    assert len(pictures) == 2
    for picture in pictures:
        assert picture.shape == (size[1], size[0], 3)
        assert np.array_equal(picture[mask.array == 0], photo.array[mask.array == 0])
        assert (picture[mask.array > 0] != photo.array[mask.array > 0]).mean() > 0.5
    assert not np.array_equal(pictures[0], pictures[1])


def test_everything_under_the_mask_is_new_without_a_feather(pack: Pack) -> None:
    photo, mask = _photo(64, 64), _mask(64, 64, (0, 0, 64, 64))
    (picture,) = _pictures(_draw(pack, *_asked(photo, mask, feather=0)))
    (drawn,) = prepare("job", *_swap(_asked(photo, mask, feather=0), pack))
    assert drawn.guidance.conditional.concat is not None
    assert (drawn.guidance.conditional.concat[0] == 1).all()
    assert torch.allclose(
        drawn.guidance.conditional.concat[1:], pack.first_stage.encode(torch.zeros(1, 3, 64, 64))[0], atol=1e-5
    )
    assert (picture != photo.array).mean() > 0.9


def _swap(asked: tuple[Inpaint, dict[str, Image]], pack: Pack) -> tuple[Inpaint, Pack, dict[str, Image]]:
    return asked[0], pack, asked[1]


def test_the_model_sees_the_mask_and_the_picture_with_grey_under_it(pack: Pack) -> None:
    photo, mask = _photo(64, 64), _mask(64, 64, (16, 16, 40, 33))
    (row,) = prepare("job", *_swap(_asked(photo, mask), pack))
    assert row.guidance.conditional.concat is not None
    seen = row.guidance.conditional.concat[0]
    assert seen[2:5, 2:5].all()
    assert seen.sum() == 9, "a latent counts as painted where any of its pixels is: rows 16 to 32 are three"
    picture = torch.from_numpy(photo.array.astype(np.float32)).permute(2, 0, 1) / 127.5 - 1
    picture[:, mask.array > 0] = 0
    assert torch.allclose(row.guidance.conditional.concat[1:], pack.first_stage.encode(picture[None])[0], atol=1e-5)


@pytest.mark.parametrize("fill", ["original", "blur"])
def test_less_strength_goes_through_fewer_steps_and_keeps_more(fill: str, pack: Pack) -> None:
    photo, mask = Pixels.of(np.full((64, 64, 3), 180, np.uint8)), _mask(64, 64, (8, 8, 56, 56))
    calls = {}
    for strength in (0.2, 0.6, 1.0):
        asked = _asked(photo, mask, fill=fill, strength=strength, steps=10, guidance=1.0, sampler="Heun")
        (row,) = prepare("job", *_swap(asked, pack))
        calls[strength] = row.table.calls
    assert calls == {0.2: 3, 0.6: 11, 1.0: 19}, "two calls a step but for the last"
    (row,) = prepare("job", *_swap(_asked(photo, mask, fill=fill, strength=0.05, steps=50, sampler="Euler"), pack))
    clean = pack.first_stage.encode(torch.full((1, 3, 64, 64), 180 / 127.5 - 1))[0]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(row.latent, row.table.signal[0] * clean + row.table.noise[0] * noise, atol=2e-2)


def test_a_blind_denoisers_latent_is_the_pictures_own_outside_the_mask(blind: Pack) -> None:
    """At every step noised to where the sampler stands, and clean at the end."""
    photo, mask = _photo(64, 64), _mask(64, 64, (0, 0, 32, 64))
    request, images = _asked(photo, mask, sampler="DPM++ 2M Karras", steps=5)
    engine = Engine({NAME: blind})
    engine.submit("job", request, images=images)
    known = blind.first_stage.encode(
        torch.from_numpy(photo.array.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    )[0]
    noise = torch.randn(known.shape, generator=torch.Generator().manual_seed(0))
    engine.step()
    (row,) = engine._running["job"].rows
    while not row.is_done:
        expected = row.table.signal[row.call] * known + row.table.noise[row.call] * noise
        assert torch.allclose(row.latent[:, :, 4:], expected[:, :, 4:], atol=1e-4)
        engine.step()
    assert torch.allclose(row.latent[:, :, 4:], known[:, :, 4:], atol=1e-5)


def test_inpainting_and_plain_rows_share_calls_and_come_out_as_alone(pack: Pack) -> None:
    photo, mask = _photo(64, 64), _mask(64, 64, (10, 10, 50, 50))
    request, images = _asked(photo, mask, steps=6, sampler="Euler a")
    alone = _pictures(_draw(pack, request, images))[0]
    engine = Engine({NAME: pack}, Limits(inputs=16))
    events = engine.submit("plain", ask(steps=6), "one")
    events += engine.submit("job", request, "other", images)
    shared = 0
    while engine.has_work:
        news = engine.step()
        shared += len({event.job for event in news if isinstance(event, Previewed)}) == 2
        events += news
    assert shared == engine.calls == 6
    picture = next(
        event.pixels.array for event in events if isinstance(event, Drawn) and event.job == "job" and event.pixels
    )
    assert np.abs(picture.astype(int) - alone).max() <= 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("no mask", "some part of the picture painted over"), ("other size", "the size in the request"),
        ("gone", "please give them again"), ("swapped", "a picture and a mask"),
    ],
)  # fmt: skip
def test_what_cannot_be_inpainted_says_why(change: str, expected: str, pack: Pack) -> None:
    photo, mask = _photo(64, 64), _mask(64, 64, (10, 10, 50, 50))
    request, images = _asked(photo, mask)
    if change == "no mask":
        request, images = _asked(photo, _mask(64, 64, (0, 0, 0, 0)))
    elif change == "other size":
        request, images = _asked(photo, _mask(64, 72, (0, 0, 9, 9)))
    elif change == "gone":
        images = {}
    else:
        request = replace(request, image=mask.digest, mask=photo.digest)
    with pytest.raises(InvalidRequest, match=expected):
        prepare("job", request, pack, images)
    (*_, failure) = _draw(pack, request, images)
    assert isinstance(failure, Failed)
    assert expected in str(failure.error)
