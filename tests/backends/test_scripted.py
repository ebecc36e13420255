"""The engine that follows a script says what a real one would say, through the same client, at once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from studio.backends.client import EngineClient
from studio.backends.local import LocalClient
from studio.backends.messages import Submit
from studio.backends.scripted import HELD, Author, Script, ScriptedBackend, ScriptedClient, scripted
from studio.errors import JobFailed, PackError
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Previewed, Started
from studio.gallery.containers import read_recipe
from studio.gallery.ledger import Ledger
from studio.gallery.recorder import Recorder
from studio.gallery.store import Store
from studio.settings import Settings
from tests.miniature import ask


@pytest.fixture
def client(tmp_path: Path) -> Iterator[LocalClient]:
    ledger = Ledger(tmp_path)
    recorder = Recorder(Store(tmp_path), ledger)
    with LocalClient(Settings(data=tmp_path), recorder, recorder.accept, engine=ScriptedBackend) as client:
        yield client
    ledger.close()


def _all(client: LocalClient, job: str) -> list[Event]:
    return list(chain.from_iterable(client.events(job)))


def _says(author: Author) -> list[Event]:
    with LocalClient(Settings(), engine=scripted(author)) as client:
        return _all(client, client.submit(ask(pack="storybook")))


def test_every_picture_of_a_usual_job_is_drawn_and_written_down(client: LocalClient) -> None:
    events = _all(client, client.submit(ask(pack="storybook", count=3, seed=5)))
    assert isinstance(events[-1], Finished)
    paths = [Path(str(event.path)) for event in events if isinstance(event, Drawn)]
    assert [read_recipe(path).request.seed for path in paths] == [5, 6, 7]
    assert len({path.read_bytes() for path in paths}) == 3


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_held_goes_on_until_it_is_stopped(client: LocalClient, keep: bool) -> None:
    job = client.submit(ask(f"{HELD} a house", pack="storybook"))
    first = next(news for news in client.events(job) if any(isinstance(event, Previewed) for event in news))
    assert max(event.step for event in first if isinstance(event, Previewed)) == 2, "half of its steps"
    client.cancel(job, keep=keep)
    events = _all(client, job)
    assert isinstance(events[-1], Cancelled)
    assert [event.stopped_at for event in events if isinstance(event, Drawn)] == [2] * keep


def test_a_script_is_told_as_it_is_written() -> None:
    def author(command: Submit) -> Script:
        return Script((Started(command.job), Failed(command.job, JobFailed("no luck"))))

    assert [type(event) for event in _says(author)] == [Started, Failed]


def test_what_it_cannot_do_is_said(client: LocalClient) -> None:
    with pytest.raises(PackError, match="follows a script"):
        client.look(["a house"])
    [failed] = _all(client, client.submit(ask(pack="nobody has it")))
    assert isinstance(failed, Failed)


def test_a_scripted_client_has_the_face_of_every_client() -> None:
    client: EngineClient = ScriptedClient([Started("job")], [], [Finished("job")])
    job = client.submit(ask())
    assert list(client.events(job)) == [[Started("job")], [], [Finished("job")]]
