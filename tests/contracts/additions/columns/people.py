"""Who is in a picture."""

from studio.gallery.column import Column, Words

COLUMN = Column(
    "people",
    Words(add="meet", word="person", most=5, longest=20),
    order=9,
    filter="person",
    filter_help="somebody in them",
    is_searched=True,
)
