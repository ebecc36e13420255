"""What an addition touches: a family is a folder of its own, found where it lies, without an edit anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.engine.engine import Engine
from studio.errors import PackError
from studio.events import Drawn, Finished, Previewed
from studio.models import families
from studio.models.loading import load_pack
from studio.models.registry import find_pack, known_families, packs_in
from studio.requests.text_to_image import TextToImage

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
