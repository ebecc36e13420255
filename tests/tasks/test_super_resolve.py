"""Super-resolution on the miniature: as diffusers' models and scheduler do it, by tiles, with a seed, and consistent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from studio.errors import InvalidRequest
from studio.images.consistency import averaged
from studio.images.pixels import Pixels
from studio.models.autoencoders.autoencoder import to_bytes, to_pictures
from studio.models.model import Pack
from studio.requests.super_resolve import TILE, SuperResolve
from studio.sampling.catalogue import find_sampler
from studio.sampling.trace import step_options
from studio.tasks.super_resolve import prepare
from tests.engine.test_engine import _engine, _pixels
from tests.miniature import NAME, ask

PHOTO = Pixels.of(data.astronaut()[100:132, 200:224])
WIDE = Pixels.of(data.astronaut()[100:131, 200:333])


def _request(picture: Pixels = PHOTO, **changes: object) -> SuperResolve:
    scale = int(changes.get("scale", 4))  # type: ignore[call-overload]
    sides = {"width": picture.width * scale, "height": picture.height * scale}
    return SuperResolve(**{"image": picture.digest, "pack": NAME, "steps": 5, **sides, **changes})  # type: ignore[arg-type]


def _drawn(pack: Pack, request: SuperResolve, picture: Pixels = PHOTO) -> np.ndarray:
    engine = _engine(pack)
    engine.submit("a", request, images={picture.digest: picture})
    events = []
    while engine.has_work:
        events += engine.step()
    (pixels,) = _pixels(events, "a")
    return pixels.array


@pytest.mark.parametrize(("sampler", "eta"), [("DDIM", 0.0), ("DDIM", 1.0), ("Euler a", 0.0), ("DPM++ 2M Karras", 0.0)])
@torch.no_grad()
def test_a_picture_is_drawn_as_diffusers_draws_it(pack: Pack, sampler: str, eta: float) -> None:
    """Its own pipeline scales the small picture with the latent, and takes no generator in its steps; this does not."""
    assert pack.upscaler is not None
    request = _request(sampler=sampler, eta=eta, consistent=False, seed=4)
    chosen, generator = find_sampler(sampler), torch.Generator().manual_seed(4)
    scheduler, timesteps = pack.upscaler.tables.process.make_scheduler(chosen, request.steps)
    options = dict(step_options(chosen, eta))
    if "generator" in type(scheduler).step.__code__.co_varnames:
        options["generator"] = generator
    small = to_pictures(PHOTO.array[None])
    x = torch.randn((3, PHOTO.height, PHOTO.width), generator=generator)[None] * scheduler.init_noise_sigma
    for t in timesteps:
        output = pack.upscaler.network(torch.cat([scheduler.scale_model_input(x, t), small], dim=1), t).sample
        x = scheduler.step(output, t, x, **options).prev_sample
    expected = to_bytes(pack.upscaler.first_stage.model.decode(x).sample)[0].numpy()
    assert np.abs(_drawn(pack, request).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("picture", [PHOTO, WIDE], ids=["one tile", "tiles"])
def test_what_comes_out_has_the_size_asked_for_and_averages_down_to_the_picture(
    pack: Pack, scale: int, picture: Pixels
) -> None:
    request = _request(picture, scale=scale)
    drawn = _drawn(pack, request, picture)
    assert drawn.shape == (picture.height * scale, picture.width * scale, 3)
    error = averaged(drawn, scale).astype(float) - picture.array
    assert 10 * np.log10(255**2 / (error**2).mean()) > 30
    loose = _drawn(pack, _request(picture, scale=scale, consistent=False), picture)
    assert np.abs(averaged(loose, scale).astype(float) - picture.array).mean() > 5


def test_each_seed_invents_its_own_details_and_the_same_seed_the_same(pack: Pack) -> None:
    one, other, again = (_drawn(pack, _request(seed=seed)) for seed in (1, 2, 1))
    assert np.array_equal(one, again)
    assert np.abs(one.astype(int) - other).mean() > 1


def test_noise_is_of_the_whole_canvas_and_the_picture_beside_it_is_not_scaled(pack: Pack) -> None:
    (row,) = prepare("job", _request(WIDE, sampler="Euler"), pack, {WIDE.digest: WIDE})
    assert len(row.tiling.places) > 1
    assert row.tiling.height <= TILE
    assert row.latent.shape == (3, 32, 136), "sides rounded up to what the model takes"
    noise = torch.randn(row.latent.shape, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(row.latent, noise * row.table.initial_scale)
    assert row.guidance.conditional.concat is not None
    assert torch.equal(row.guidance.conditional.concat[:, :31, :133], to_pictures(WIDE.array[None])[0])


def test_pictures_and_drawings_wait_for_each_other_fairly(pack: Pack) -> None:
    """They cannot share a call, having different models, but they take turns."""
    engine = _engine(pack)
    engine.submit("large", _request(WIDE, steps=20), "one", {WIDE.digest: WIDE})
    engine.submit("text", ask(steps=4), "other")
    ended: list[str] = []
    while engine.has_work:
        ended += [event.job for event in engine.step() if type(event).__name__ == "Finished"]
    assert ended == ["text", "large"]


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("picture", [PHOTO, WIDE], ids=["one tile", "tiles"])
def test_a_pack_without_the_model_draws_the_enlarged_picture_anew(
    pack: Pack, picture: Pixels, scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the base's own tiles, from so little noise that the picture stays what it is."""
    monkeypatch.setattr(pack, "upscaler", None)
    request = _request(picture, scale=scale, steps=10)
    drawn = _drawn(pack, request, picture)
    assert drawn.shape == (picture.height * scale, picture.width * scale, 3)
    assert np.abs(averaged(drawn, scale).astype(int) - picture.array).mean() < 12
    (row,) = prepare("job", request, pack, {picture.digest: picture})
    assert row.table.calls == 4, "of ten"
    assert len(row.tiling.places) > 1 or picture is PHOTO


def test_another_picture_than_the_one_asked_for_is_refused(pack: Pack) -> None:
    with pytest.raises(InvalidRequest, match="24x32"):
        prepare("job", _request(width=400, height=320), pack, {PHOTO.digest: PHOTO})
    with pytest.raises(InvalidRequest, match="give it again"):
        prepare("job", _request(), pack, {})
