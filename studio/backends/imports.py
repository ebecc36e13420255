"""What the engine's process imports, and what must be said before torch is. The page's process never imports this."""

import os

# How often a thread of the CPU's math library looks whether the others are done before it sleeps; read when torch is
# loaded. The usual 300,000 stall a whole machine when one other program is busy
# (docs/decisions/0004-short-spinning.md).
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

from studio.engine.calibration import free_memory
from studio.engine.embedding import Embedder
from studio.engine.engine import Engine
from studio.engine.model_pool import Memory, ModelPool
from studio.models.acceleration.precision import pick_precision
from studio.models.loading import bytes_needed, bytes_of, load_pack, pick_device

__all__ = [
    "Embedder",
    "Engine",
    "Memory",
    "ModelPool",
    "bytes_needed",
    "bytes_of",
    "free_memory",
    "load_pack",
    "pick_device",
    "pick_precision",
]  # fmt: skip
