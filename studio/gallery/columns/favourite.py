"""Pictures that somebody likes."""

from studio.gallery.column import Column, Flag

COLUMN = Column(
    "favourite", Flag(on="favour", off="unfavour", symbol="★"), order=1, filter="favourites", filter_help="only those"
)
