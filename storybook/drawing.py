"""Many pictures from one pack, drawn together by the engine in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from studio.engine.engine import Engine
from studio.events import Drawn, Failed
from studio.images.pixels import Image
from studio.models.model import Pack
from studio.requests.request import Request

TOGETHER = 24  # requests in the engine at once; less than its queue takes


def draw(
    pack: Pack, requests: Sequence[Request], images: Mapping[str, Image] = MappingProxyType({})
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The first picture of each request with the request's place, uint8 [H, W, 3], in the order in which they are done.

    ``images`` are those that the requests name, by their digests. Raises what a job failed with.
    """
    engine = Engine({pack.info.name: pack})
    waiting, drawing = list(range(len(requests)))[::-1], 0
    while waiting or drawing:
        while waiting and drawing < TOGETHER:
            place = waiting.pop()
            engine.submit(str(place), requests[place], images=images)
            drawing += 1
        for event in engine.step():
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Drawn) and event.pixels is not None:
                drawing -= 1
                yield int(event.job), event.pixels.array
