"""Many pictures from one pack, drawn together by the engine in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from studio.engine.engine import Engine
from studio.events import Drawn, Failed
from studio.packs.pack import Pack
from studio.requests import Request

TOGETHER = 24  # requests in the engine at once; less than its queue takes


def draw(pack: Pack, requests: Sequence[Request]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The first picture of each request with the request's place, uint8 [H, W, 3], in the order in which they are done.

    Raises what a job failed with.
    """
    engine = Engine({pack.info.name: pack})
    waiting, drawing = list(range(len(requests)))[::-1], 0
    while waiting or drawing:
        while waiting and drawing < TOGETHER:
            place = waiting.pop()
            engine.submit(str(place), requests[place])
            drawing += 1
        for event in engine.step():
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Drawn) and event.pixels is not None:
                drawing -= 1
                rgb = np.frombuffer(event.pixels.rgb, np.uint8)
                yield int(event.job), rgb.reshape(event.pixels.height, event.pixels.width, 3)
