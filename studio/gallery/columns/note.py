"""What a person writes about a picture, for themselves: a dataset, which others read, does not tell it."""

from studio.gallery.column import Column, Text

COLUMN = Column("note", Text(longest=2000), order=4, is_searched=True, in_datasets=False)
