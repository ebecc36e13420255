"""Every error that may reach a person.

    StudioError
    ├── InvalidRequest      what was asked for is outside its limits; nothing was started
    ├── BadPicture          a file is no picture that can be taken
    ├── PackError           a pack cannot be found, read or trusted
    ├── QueueFull           the engine has more to do than it will promise; try again later
    ├── JobFailed           a job was started and could not be finished
    │   ├── NotFinite       its numbers ran off to infinity
    │   ├── OutOfMemory     it does not fit, even alone
    │   └── EngineStopped   the engine process ended under it
    ├── AccountError        a name or password will not do, or the file of accounts is damaged
    ├── UnknownJob          no job of that name, or not yours
    ├── MissingImage        an image that a request names is not kept here
    └── NoRecipe            a picture carries no recipe that can be read

A message says what happened, what was expected and what to do. No traceback and no path of the server is in it. An
error is made from an English template and what stands in its places, and carries both as a `Message`:

    raise BadPicture("The file is larger than {most} MB.", most=64)
"""

from __future__ import annotations

import traceback

from studio.message import Message, Parameter, as_message

LONGEST_SHOWN = 60  # characters of a value, in a message


class StudioError(Exception):
    """Base of all; ``str(error)`` may be shown to a person, and ``error.logged`` written into the log. ``message`` is
    what a page says in its own language."""

    def __init__(self, message: str | Message, /, **parameters: Parameter) -> None:
        self.message = as_message(message, parameters)
        super().__init__(self.message)

    @property
    def logged(self) -> str:
        return str(self)


class InvalidRequest(StudioError):
    """A field of a request is outside its limits. ``field`` names it; ``expected`` is a template, or a message."""

    def __init__(self, field: str, value: object, expected: str | Message, /, **parameters: Parameter) -> None:
        self.field, self.value, self.expected = field, value, as_message(expected, parameters)
        name = Message(field)  # which a page has a word for
        if value is None:
            message = Message("{field} is missing; expected {expected}.", field=name, expected=self.expected)
        else:
            parts: dict[str, Parameter] = {"field": name, "value": _shown(value), "expected": self.expected}
            message = Message("{field} is {value}; expected {expected}.", **parts)
        super().__init__(message)

    @property
    def logged(self) -> str:
        """Without what somebody wrote, as that may be a prompt; numbers say themselves."""
        if isinstance(self.value, (int, float)):
            return str(self)
        return f"{self.field} is a value of kind {type(self.value).__name__}; expected {self.expected}."

    def __reduce__(self) -> tuple[type[InvalidRequest], tuple[str, object, Message]]:
        return InvalidRequest, (self.field, self.value, self.expected)


def _shown(value: object) -> str:
    """``value`` as it may stand in a sentence, however large it is."""
    if isinstance(value, (str, bytes, list, tuple)):
        value = value[: LONGEST_SHOWN + 1]
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # Python refuses to write out whole numbers of thousands of digits
        return f"a value of kind {type(value).__name__} that is too large to be written out"
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[: LONGEST_SHOWN - 3]}..."


class BadPicture(StudioError):
    """A file is not a picture, or is larger than what is taken."""


class PackError(StudioError):
    """A pack cannot be found, read or trusted."""


class QueueFull(StudioError):
    """The engine has more to do than it will promise; ``seconds`` of work are ahead, if that is known."""

    def __init__(self, message: str | Message, /, *, seconds: float | None = None, **parameters: Parameter) -> None:
        super().__init__(message, **parameters)
        self.seconds = seconds


class JobFailed(StudioError):
    """A job was started and could not be finished."""


class NotFinite(JobFailed):
    """A row's latents became infinite or not a number."""


class OutOfMemory(JobFailed):
    """A job does not fit in the device's memory, even alone."""


class EngineStopped(JobFailed):
    """The engine process ended while the job was in it."""


class AccountError(StudioError):
    """A file of accounts cannot be read, or an account will not do."""


class UnknownJob(StudioError):
    """There is no such job."""


class MissingImage(StudioError):
    """An image that a request names, by its digest, is not in the data folder."""


class LedgerError(StudioError):
    """What should be kept cannot be written down."""


class NoRecipe(StudioError):
    """A picture carries no recipe that can be read."""


def forget_frames(error: BaseException) -> None:
    """Lets go what the functions were working on that ``error`` has come through: its traceback holds their variables,
    pictures among them, for as long as anybody holds the error. Call it where the error is caught."""
    seen: set[int] = set()
    while_handling: list[BaseException | None] = [error]
    while while_handling:
        each = while_handling.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            traceback.clear_frames(each.__traceback__)
            while_handling += [each.__cause__, each.__context__]
