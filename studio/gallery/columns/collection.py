"""The collection that a picture is in."""

from studio.gallery.column import Choice, Column

COLUMN = Column(
    "collection", Choice(put="gather", longest=80), order=3, filter="collection", filter_help="the one that they are in"
)
