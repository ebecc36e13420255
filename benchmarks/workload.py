"""Who asks for what, and when: the same for every arm, from one seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from studio.models.model import Pack
from studio.requests.text_to_image import TextToImage
from studio.sampling.catalogue import DEFAULT_SAMPLER

SAMPLERS = ("Euler a", "DDIM", "UniPC Karras", "Heun", "DPM++ 2M SDE Karras", "PLMS", "DEIS", "Euler Karras")
STEPS = (12, 15, 25, 30, 50)
USUAL = 0.4  # the share of people who change nothing: one sampler, steps, guidance and size
CANCELLED = 0.1
LARGER = 1.5  # times the side of the pack's own pictures, for a third of those who change something
PATIENCE_SECONDS = 1.0  # mean time after which those who cancel do so


@dataclass(frozen=True)
class Visit:
    """One request of user ``user``, made ``pause`` seconds after that user's last one ended, and cancelled
    ``cancel_after`` seconds later if it is not done by then."""

    user: int
    pause: float
    request: TextToImage
    cancel_after: float | None = None


def visits(pack: Pack, users: int, each: int, pause: float, seed: int = 0) -> list[Visit]:
    """``each`` requests of each of ``users`` people, whose pauses are exponential with mean ``pause`` seconds: while
    somebody pauses, requests arrive as a Poisson process."""
    rng = np.random.default_rng([seed, users])
    return [
        Visit(
            user,
            float(rng.exponential(pause)),
            any_request(pack, rng, seed=1000 * user + number),
            float(rng.exponential(PATIENCE_SECONDS)) if rng.random() < CANCELLED else None,
        )
        for number in range(each)
        for user in range(users)
    ]


def any_request(pack: Pack, rng: np.random.Generator, seed: int) -> TextToImage:
    """What somebody asks for: the usual, or anything within reason."""
    side = pack.info.size
    usual = TextToImage(
        prompt=f"a red house number {seed}", pack=pack.info.name, width=side, height=side, seed=seed,
        sampler=DEFAULT_SAMPLER, steps=pack.info.steps, guidance=pack.info.guidance,
    )  # fmt: skip
    if rng.random() < USUAL:
        return usual
    larger = int(side * LARGER) // 8 * 8 if rng.random() < 1 / 3 else side
    return replace(
        usual,
        sampler=str(rng.choice(SAMPLERS)),
        steps=int(rng.choice(STEPS)),
        guidance=round(float(rng.uniform(1, 12)), 1) if rng.random() < 0.9 else 1.0,
        width=larger,
        height=larger,
    )
