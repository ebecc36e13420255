"""What a failed model call or decoding means: for the row, and for the process."""

from __future__ import annotations

import logging

import torch

from studio.errors import JobFailed, OutOfMemory, StudioError

logger = logging.getLogger(__name__)


def is_beyond_repair(error: Exception) -> bool:
    """Whether every later call would fail, too, so that the process must end and be started again: a GPU that is lost,
    or oneDNN, which never recovers once it could not get memory for the code that it generates."""
    if isinstance(error, torch.AcceleratorError):
        return not isinstance(error, torch.OutOfMemoryError)
    return isinstance(error, RuntimeError) and "could not create a primitive" in str(error)


def as_studio_error(error: Exception) -> StudioError:
    """What a person may read of ``error``; the whole of it goes to the log."""
    if isinstance(error, StudioError):
        return error
    logger.error("a row failed", exc_info=error)
    if _is_out_of_memory(error):
        return OutOfMemory("The picture does not fit in memory, even alone. Try a smaller size.")
    return JobFailed("The engine could not draw this ({kind}); its log says more.", kind=type(error).__name__)


def _is_out_of_memory(error: Exception) -> bool:
    """torch's allocator for the CPU raises a plain RuntimeError."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
