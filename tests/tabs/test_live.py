"""The live view folds events into what the page shows."""

from __future__ import annotations

import base64
import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import PIL.Image

from studio.backends.scripted import ScriptedClient
from studio.errors import JobFailed
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Previewed, Progressed, Queued, Started
from studio.images.jpeg import encoded
from studio.requests.super_resolve import SuperResolve
from tabs.components.live import UPDATES_A_SECOND, Followers, LiveView, View, follow
from tests.miniature import ask, ask_interpolate

REQUEST = ask("<b>bold</b> ${alert(1)}", count=2, seed=2**62)


def _drawn(index: int) -> Drawn:
    return Drawn("job", index, REQUEST, "abc", 1.0, path=f"/data/pictures/{index:032x}.png")


def _view(*events: Event) -> View:
    view = View.of(REQUEST)
    for event in events:
        view.fold(event)
    return view


def test_a_job_from_waking_to_done() -> None:
    assert _view().state == "waking"
    assert _view(Queued("job", 3)).as_json()["ahead"] == 3
    view = _view(
        Started("job"), Previewed("job", 0, 1, 4, b"\xff\xd8", 2.54), Previewed("job", 1, 2, 4, b"\xff\xd8", 2.0)
    )
    shown = view.as_json()
    assert (shown["state"], shown["step"], shown["steps"], shown["seconds"]) == ("running", 1, 4, 2.0)
    assert shown["frames"][0]["source"].startswith("data:image/jpeg;base64,")
    assert not shown["frames"][0]["preview"]
    view = _view(Started("job"), _drawn(0), _drawn(1), Finished("job"))
    assert view.as_json()["state"] == "done"
    assert [frame["source"] for frame in view.as_json()["frames"]] == [
        f"studio/pictures/{i:032x}.png" for i in range(2)
    ]


def test_a_preview_is_sent_without_the_tables_that_the_page_has() -> None:
    """The page puts both together, in base64 as they are."""
    jpeg = encoded(np.random.default_rng(0).integers(0, 255, (24, 40, 3), np.uint8))
    [frame] = _view(Started("job"), Previewed("job", 0, 1, 4, jpeg, 2.5)).as_json()["frames"][:1]
    assert not frame["source"]
    tables = LiveView().props["tables"]
    whole = base64.b64decode((tables + frame["preview"]).removeprefix("data:image/jpeg;base64,"))
    assert np.array_equal(*(PIL.Image.open(io.BytesIO(each)) for each in (whole, jpeg)))
    view = _view(Started("job"), Previewed("job", 0, 1, 4, jpeg, 2.5), _drawn(0), _drawn(1), Finished("job"))
    assert not view.as_json()["frames"][0]["preview"]


def test_a_queued_job_says_when_it_will_start_and_a_started_one_what_it_did_not_understand() -> None:
    assert _view(Queued("job", 3, 12.4)).as_json()["wait"] == 12
    assert _view(Queued("job", 3)).as_json()["wait"] is None
    words = tuple(f"word{i}" for i in range(40))
    assert _view(Started("job", unknown_words=("🚀", "x" * 2000))).as_json()["unknown"] == ["🚀", "x" * 30 + "…"]
    assert _view(Started("job", unknown_words=words)).as_json()["unknown"] == [*words[:12], "…"]


def test_what_is_unfinished_goes_when_the_job_ends_early() -> None:
    preview = Previewed("job", 1, 1, 4, b"\xff\xd8", None)
    for end in (Cancelled("job"), Failed("job", JobFailed("no luck"))):
        view = _view(Started("job"), preview, _drawn(0), end)
        assert [frame.is_done for frame in view.frames] == [True]
    assert view.as_json()["message"] == "no luck"


def test_seeds_beyond_what_javascript_counts_exactly_travel_as_text() -> None:
    values = json.loads(json.dumps(_view().as_json()))
    assert [frame["seed"] for frame in values["frames"]] == [str(2**62), str(2**62 + 1)]


def _client() -> ScriptedClient:
    """An engine that has already said everything."""
    return ScriptedClient([Queued("job", 0), Started("job")], [], [_drawn(0), _drawn(1), Finished("job")])


def test_how_far_it_is_never_falls_and_is_whole_only_at_the_end() -> None:
    """Events of several pictures come in any order, and of each only the latest."""
    view, shares = View.of(REQUEST), []
    for event in (
        Started("job"),
        Progressed("job", 1, 4, 9, 0.2),
        Previewed("job", 0, 4, 4, b"\xff\xd8", 3.0, share=0.5),
        Previewed("job", 1, 4, 4, b"\xff\xd8", 3.0, share=0.4),
        Progressed("job", 0, 1, 3, 0.9),
        _drawn(0),
        _drawn(1),
        Finished("job"),
    ):
        view.fold(event)
        shares.append(view.as_json()["share"])
    assert view.as_json()["seconds"] == 3.0
    view.fold(Progressed("job", 0, 2, 3, 0.95, 0.7))
    assert view.as_json()["seconds"] == 0.7, "of decoding as well"
    assert shares == [0.0, 0.2, 0.5, 0.5, 0.9, 0.9, 0.9, 1.0]


class _Starting(ScriptedClient):
    """One whose engine is heard of later."""

    def events(self, job: str, heartbeat: float | None = None) -> Iterator[list[Event]]:
        for number, news in enumerate(super().events(job, heartbeat)):
            self.device = "script" if number else ""
            yield news


def test_the_engine_wakes_up_only_where_there_is_none_yet() -> None:
    """It was said of every job, whatever was being waited for."""
    assert all(view is None or view["awake"] for view in follow(_client(), "job", REQUEST))
    shown = list(follow(_Starting([], [], [], [Queued("job", 0)], [Finished("job")], device=""), "job", REQUEST))
    told = [view and (view["state"], view["awake"]) for view in shown]
    assert told[:2] == [("waking", False), None]
    assert told[2:] == [("waking", True), None, ("queued", True), ("done", True)]


def test_following_shows_each_change_and_passes_heartbeats_on() -> None:
    shown = list(follow(_client(), "job", REQUEST))
    assert [None if view is None else view["state"] for view in shown] == ["waking", "running", None, "done"]


def test_what_gets_more_pixels_can_be_compared_with_what_it_was_and_among_itself() -> None:
    request = SuperResolve(pack="p", image="ab" * 32, width=256, height=128, scale=2, count=2)
    view = View.of(request)
    assert view.as_json()["before"] == f"studio/sources/{'ab' * 32}.jpg?scale=2"
    view.fold(Started("job", seconds=12.3))
    assert view.as_json()["seconds"] == 12.3, "told before the first step"
    view.fold(Progressed("job", 1, 16, 40))
    assert view.as_json()["tiles"] == (16, 40)
    view.fold(Previewed("job", 1, 1, 4, b"\xff\xd8", 9.0))
    assert view.as_json()["tiles"] is None
    view.fold(_drawn(0))
    assert view.as_json()["deviation"] == ""
    view.fold(_drawn(1))
    view.fold(Finished("job"))
    assert view.as_json()["deviation"] == f"studio/deviation.png?pictures={0:032x}.png,{1:032x}.png"
    assert _view(Started("job"), _drawn(0), _drawn(1), Finished("job")).as_json()["deviation"] == ""


def test_pictures_on_a_way_say_where_they_stand_and_make_a_film_when_all_are_there() -> None:
    view = View.of(ask_interpolate(count=3))
    assert [frame["note"] for frame in view.as_json()["frames"]] == ["0%", "50%", "100%"]
    names = [f"{index:032x}.png" for index in range(3)]
    for index, name in enumerate(names):
        assert view.as_json()["animation"] == ""
        view.fold(replace(_drawn(index), path=f"/data/pictures/{name}"))
    view.fold(Finished("job"))
    assert view.as_json()["animation"] == f"pictures={','.join(names)}"


def test_a_picture_whose_steps_were_kept_has_a_film_of_its_own_and_others_none() -> None:
    view, plain = View.of(ask(trajectory=True)), View.of(ask())
    for each in (view, plain):
        each.fold(_drawn(0))
    assert view.as_json()["frames"][0]["trajectory"] == f"trajectory={0:032x}.png"
    assert plain.as_json()["frames"][0]["trajectory"] == ""


def test_scores_are_shown_where_there_are_some() -> None:
    view = _view(replace(_drawn(0), similarity=0.12345), _drawn(1))
    assert [frame["score"] for frame in view.as_json()["frames"]] == [0.123, None]


def test_the_more_follow_the_less_often_each_is_updated() -> None:
    """With 64 people drawing, opening the page took a second for other people's previews."""
    followers = Followers()
    with contextlib.ExitStack() as pages:
        for _ in range(2 * UPDATES_A_SECOND):
            pages.enter_context(followers.one_more())
        assert followers.share == 2.0
    assert followers.share == 0.0


def test_who_no_longer_follows_is_not_counted() -> None:
    """However the following ends: the page is closed, or the job is unknown."""
    followers = Followers()
    following = follow(_client(), "job", REQUEST, followers=followers)
    next(following)
    assert followers.share > 0
    following.close()
    assert followers.share == 0.0
