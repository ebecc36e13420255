"""What it costs to have the engine on Ray rather than in a process of this machine: the same jobs through both clients.

    python -m benchmarks.remote --people 8 --steps 50 --repeats 5

One replica, with all cores, as the local engine has them; both are there all the time, and take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Sequence
from functools import partial

from studio.backends.local import LocalClient
from studio.backends.placing import Scale
from studio.backends.ray import RayEngines
from studio.events import Finished
from studio.models.catalogue import STORYBOOK
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage
from studio.settings import Settings

STARTING_SECONDS = 300.0


def seconds(client: LocalClient, pack: str, people: int, steps: int) -> float:
    """Until everybody's picture is there."""
    side, begun = find_pack(pack).size, time.perf_counter()
    jobs = [
        client.submit(
            TextToImage(
                prompt="a red house", pack=find_pack(pack).name, width=side, height=side, seed=seed, steps=steps
            ),
            owner=str(seed),
        )
        for seed in range(people)
    ]
    for job in jobs:
        ends = [event for news in client.events(job) for event in news][-1]
        assert isinstance(ends, Finished), ends
    return time.perf_counter() - begun


def _wait_for(client: LocalClient) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while client.inputs is None:
        if time.monotonic() > deadline:
            raise TimeoutError("The engine did not start.")
        time.sleep(0.1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.remote")
    parser.add_argument("--pack", default=STORYBOOK)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    settings = Settings(pack=options.pack, device="cpu", batch=16, precision="exact", queue=1000, each=1000)
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))  # for both alike
    with (
        LocalClient(settings) as here,
        LocalClient(settings, engine=partial(RayEngines, scale=Scale(1, 1))) as there,
    ):
        clients = {"process": here, "ray": there}
        for client in clients.values():
            _wait_for(client)
            seconds(client, options.pack, options.people, 4)  # warms it up
        taken: dict[str, list[float]] = {name: [] for name in clients}
        for repeat in range(options.repeats):
            for name in list(clients)[:: 1 if repeat % 2 else -1]:
                taken[name].append(seconds(clients[name], options.pack, options.people, options.steps))
                print(
                    f"repeat {repeat + 1}, {name}: {1000 * taken[name][-1] / options.steps:.1f} ms a step", flush=True
                )
    ratios = sorted(ray / process for ray, process in zip(taken["ray"], taken["process"], strict=True))
    result = {
        "ms a step": {name: 1000 * statistics.median(each) / options.steps for name, each in taken.items()},
        "ray over process, lowest, median, highest": [ratios[0], statistics.median(ratios), ratios[-1]],
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
