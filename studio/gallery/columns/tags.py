"""Words that a person gives to pictures."""

from studio.gallery.column import Column, Words

COLUMN = Column(
    "tags",
    Words(add="tag", word="tag", most=20, longest=40),
    order=2,
    filter="tag",
    filter_help="one that they have",
    is_searched=True,
)
