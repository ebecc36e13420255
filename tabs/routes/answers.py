"""What the endpoints answer: how a job goes, and what is known of a picture, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from studio.errors import QueueFull
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Previewed, Progressed, Queued, Started
from studio.gallery.pictures import Picture
from studio.requests import to_mapping
from tabs.routes.pictures import PICTURES_URL

Answer: TypeAlias = dict[str, Any]


def waiting(owner: str) -> Answer:
    """The first answer to somebody whose job was taken."""
    return {"state": "waiting", "owner": owner, "step": 0, "steps": 0, "progress": 0.0, "notes": [], "pictures": []}


def fold(answer: Answer, event: Event) -> bool:
    """Writes an event into the answer; whether it is the last. Raises what a job failed with."""
    match event:
        case Queued(ahead=ahead):
            answer["ahead"] = ahead
        case Started():
            answer["state"], answer["notes"] = "drawing", _notes(event)
        case Previewed(step=step, steps=steps, share=share):
            answer["step"], answer["steps"] = step, steps
            answer["progress"] = max(answer["progress"], share)
        case Progressed(share=share):
            answer["progress"] = max(answer["progress"], share)
        case Drawn(path=path, request=request, similarity=similarity) if path is not None:
            file = Path(path).name
            answer["pictures"].append({
                "name": file, "url": f"/{PICTURES_URL}/{file}", "seed": request.seed, "similarity": similarity,
                "request": to_mapping(request),
            })  # fmt: skip
        case Finished():
            answer["state"], answer["progress"] = "done", 1.0
            return True
        case Failed(error=error):
            raise error
        case Cancelled():
            raise QueueFull("The job was stopped.")
    return False


def _notes(started: Started) -> list[str]:
    """What of the words has no effect, or another than they say."""
    notes = ["The prompt is empty, so the model draws what it likes."] if started.lacks_words else []
    notes += ["The prompt is longer than this model reads; its end has no effect."] if started.is_prompt_cut else []
    for word, known in started.replaced_words:
        notes.append(f"This model does not know {word!r} and draws {known!r} instead.")
    return notes + [f"This model has never met: {', '.join(started.unknown_words)}"] * bool(started.unknown_words)


def described(picture: Picture) -> Answer:
    file = f"{picture.id}.png"
    marks = {name: list(value) if isinstance(value, tuple) else value for name, value in picture.marks.items()}
    return {
        "name": file, "url": f"/{PICTURES_URL}/{file}", "made": picture.made, **marks,
        "request": to_mapping(picture.request),
    }  # fmt: skip
