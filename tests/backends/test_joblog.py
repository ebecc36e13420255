"""What is kept of a job's failure is its sentence, and nothing of what was being worked on."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import pytest

from studio.backends.joblog import JobLog
from studio.errors import BadPicture, InvalidRequest, PackError, QueueFull, StudioError, forget_frames
from studio.events import Failed


class Picture:
    """Stands for what a function was working on."""


def _raised(error: StudioError) -> tuple[StudioError, weakref.ref[Picture]]:
    """``error`` as it is caught, and a picture that the function which raised it had open."""

    def open_picture() -> None:
        picture = Picture()
        seen.append(weakref.ref(picture))
        raise error

    seen: list[weakref.ref[Picture]] = []
    with pytest.raises(StudioError):
        open_picture()
    return error, seen[0]


ERRORS = (
    InvalidRequest("mask", "empty", "something"),
    QueueFull("It is full.", seconds=3.0),
    PackError("There is none."),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_failed_before_it_was_told_is_let_go(error: StudioError) -> None:
    log = JobLog()
    raised, picture = _raised(copy.copy(error))
    log.add(Failed("job", raised))
    del raised
    gc.collect()
    assert picture() is None


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_who_follows_may_raise_what_failed_and_the_log_holds_nothing_of_it(error: StudioError) -> None:
    log = JobLog()
    log.add(Failed("job", error))
    for _ in range(2):
        [told] = next(log.follow(None))
        assert isinstance(told, Failed)
        assert pickle.dumps(told.error) == pickle.dumps(error), "it is the same to whoever reads it"
        raised, picture = _raised(told.error)
        del told, raised
        gc.collect()
        assert picture() is None


def test_frames_are_forgotten_along_the_whole_chain() -> None:
    seen: list[weakref.ref[Picture]] = []

    def decode() -> None:
        picture = Picture()
        seen.append(weakref.ref(picture))
        raise OSError("cut short")

    def open_picture() -> None:
        picture = Picture()
        seen.append(weakref.ref(picture))
        try:
            decode()
        except OSError as error:
            raise BadPicture("This is no picture.") from error

    with pytest.raises(BadPicture) as caught:
        open_picture()
    assert all(picture() is not None for picture in seen), "else this would test nothing"
    forget_frames(caught.value)
    assert all(picture() is None for picture in seen)
