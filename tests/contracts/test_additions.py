"""What an addition touches: its own files, found where they lie, without an edit anywhere else."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.backends.client import EngineHandle
from studio.backends.local import LocalClient
from studio.backends.messages import Command, Message, WorkerOptions
from studio.engine.engine import Engine
from studio.errors import InvalidRequest, PackError
from studio.events import Drawn, Finished, Previewed
from studio.models import families
from studio.models.loading import load_pack
from studio.models.registry import find_pack, known_families, packs_in
from studio.requests.text_to_image import TextToImage
from studio.settings import read_settings, table
from tests.contracts.additions.warm_settings import WarmSettings

ADDITIONS = Path(__file__).with_name("additions")


@pytest.fixture
def _added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the families in the test's own folder beside those that ship."""
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(ADDITIONS / "families")])
    known_families.cache_clear()
    yield
    known_families.cache_clear()


@pytest.mark.usefixtures("_added")
def test_a_family_is_one_folder_and_draws(tmp_path: Path) -> None:
    """It is found, listed, loaded and drawn with, with previews, by the sampler's table of its own process."""
    (tmp_path / "grey").mkdir()
    (tmp_path / "grey" / "glimpse.json").write_text("{}")
    info = find_pack(str(tmp_path / "grey"))
    assert info.family == "glimpse"
    assert [state.info for state in packs_in(tmp_path)] == [info]
    engine = Engine({info.name: load_pack(info, torch.device("cpu"))})
    request = TextToImage(
        prompt="", pack=info.name, width=64, height=64, steps=info.steps, sampler=info.sampler, guidance=1.0
    )
    events = engine.submit("job", request)
    while engine.has_work:
        events += engine.step()
    assert isinstance(events[-1], Finished)
    assert any(isinstance(event, Previewed) for event in events)
    [drawn] = [event for event in events if isinstance(event, Drawn)]
    assert drawn.pixels is not None
    assert np.unique(drawn.pixels.array).tolist() == [round((0.25 + 1) * 127.5)]


def test_without_its_folder_nobody_knows_it(tmp_path: Path) -> None:
    (tmp_path / "glimpse.json").write_text("{}")
    with pytest.raises(PackError, match=r"unet/config\.json"):
        find_pack(str(tmp_path))


class _Listening:
    """An engine that does nothing; ``options`` is what it was made from."""

    def __init__(self) -> None:
        self.options: WorkerOptions | None = None

    def start(
        self, options: WorkerOptions, on_message: Callable[[Message], None], on_end: Callable[[], None]
    ) -> EngineHandle:
        self.options = pickle.loads(pickle.dumps(options))  # as it goes to another process
        return self

    def send(self, command: Command | None) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_setting_is_one_field_and_reaches_the_documents_and_the_engine() -> None:
    """It is read and checked by its definition; nobody hands it from one place to the next."""
    assert read_settings({}, WarmSettings).warmth == 3
    with pytest.raises(InvalidRequest, match="STUDIO_WARMTH is '10'; expected a whole number from 0 to 9"):
        read_settings({"STUDIO_WARMTH": "10"}, WarmSettings)
    assert "| `STUDIO_WARMTH` | `3` | a whole number from 0 to 9 | how warm the colours of pictures are |" in table(
        WarmSettings
    )
    assert "STUDIO_WARMTH" not in table()
    settings, engine = read_settings({"STUDIO_WARMTH": "7", "STUDIO_ROWS": "16"}, WarmSettings), _Listening()
    with LocalClient(settings, engine=engine.start):
        assert engine.options is not None
        assert isinstance(engine.options.settings, WarmSettings)
        assert engine.options.settings.warmth == 7
        assert engine.options.limits.rows == 16
