"""Where a picture comes from, and what came of it. No links are kept: a request names its images by their digests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from studio.gallery.pictures import Picture, PictureTable

MOST_GENERATIONS, MOST_RELATED = 12, 200  # of a picture's tree


@dataclass(frozen=True)
class Related:
    """A picture in another one's tree, made from those called ``parents``."""

    picture: Picture
    parents: tuple[str, ...]


def lineage(pictures: PictureTable, owner: str, id_: str) -> list[Related]:
    """The tree that a picture is in: what it was made from, and all that was made from those, the oldest first. Made
    from a picture is what names its pixels; several pictures of the same pixels count as one, the oldest. Raises
    `MissingImage`."""
    first = pictures.get(owner, id_)
    found, news = {first.id: first}, [first]
    parents: dict[str, set[str]] = defaultdict(set)
    for _ in range(MOST_GENERATIONS):
        above, below = _parents(pictures, owner, news), _children(pictures, owner, news)
        for child, source in above:
            parents[child].add(source.id)
        for parent, result in below:
            parents[result.id].add(parent)
        news = [each for _, each in (*above, *below) if each.id not in found]
        found |= {each.id: each for each in news}
        if not news or len(found) > MOST_RELATED:
            break
    tree = sorted(found.values(), key=lambda each: (each.made, each.id))[:MOST_RELATED]
    return [Related(each, tuple(sorted(parents[each.id] & found.keys()))) for each in tree]


def _parents(pictures: PictureTable, owner: str, children: Sequence[Picture]) -> list[tuple[str, Picture]]:
    """Each picture's name with each of those that it was made from."""
    named = [(each.id, digest) for each in children for digest in each.request.named.values()]
    known = pictures.oldest_of(owner, {digest for _, digest in named})
    return [(id_, known[digest]) for id_, digest in named if digest in known and known[digest].id != id_]


def _children(pictures: PictureTable, owner: str, parents: Sequence[Picture]) -> list[tuple[str, Picture]]:
    """Each picture's name with each of those that were made from it."""
    first = pictures.oldest_of(owner, {each.digest for each in parents if each.digest})
    made = pictures.made_from(owner, first, MOST_RELATED)
    pairs = {(first[digest].id, child.id): child for digest, child in made}
    return [(parent, child) for (parent, _), child in sorted(pairs.items()) if parent != child.id]
