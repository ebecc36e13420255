"""What several tests share."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # a test that needs the network is wrong; set before the libraries read it
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["STUDIO_PRECISION"] = "exact"  # so that pictures are the same on every machine, alone and in a batch
os.environ["OMP_NUM_THREADS"] = "1"  # two workers share two cores, and so do the studios that they start

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from storybook.pack import train_and_write
from storybook.run import options
from studio.models.model import Pack
from tests.miniature import make_pack
from tests.parent import end_with_parent
from tests.running import Studio, running_studio

if "PYTEST_XDIST_WORKER" in os.environ:  # pytest that is killed takes its workers along, and they what they started
    end_with_parent(os.getppid(), signal.SIGKILL)


TAKES_SECONDS = {
    "studio",
    "observed",
    "locked",
    "narrow",
    "chromium",
    "toy_pack",
}  # fixtures that start a program, or train


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """``make quick`` leaves out what is marked as slow, as is whatever uses the program, a browser or training."""
    for item in items:
        if TAKES_SECONDS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Miniatures are too small to share out, and a busy neighbour on the second core would stall every operation."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _few_captions() -> Iterator[None]:
    """A toy needs no tokenizer that has read eighteen thousand captions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storybook.tokenizer.CAPTIONS_PER_LANGUAGE", 300)
        yield


@pytest.fixture(scope="session")
def pack() -> Pack:
    """The miniature pack. Packs hold no state but caches, so tests may share one."""
    return make_pack()


@pytest.fixture(scope="session")
def toy_pack(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A pack folder out of the real training scripts at toy size: every stage runs, and what it writes is loaded. The
    first worker that needs it makes it for all; each has a copy of its own."""
    base = tmp_path_factory.getbasetemp()
    work = (base if worker_id == "master" else base.parent) / "training"
    folder, done = work / "toybook", work / "done"
    work.mkdir(exist_ok=True)
    with FileLock(work / "lock"):
        if not done.exists():
            train_and_write(options("pack", ["--preset", "toy", "--folder", str(work), "--device", "cpu"]), folder)
            done.touch()
    return Path(shutil.copytree(folder, tmp_path_factory.mktemp("packs") / "toybook"))


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """``python app.py`` with the shipped pack, on a free port, with a data folder of its own."""
    with running_studio(tmp_path_factory.mktemp("data")) as studio:
        yield studio
