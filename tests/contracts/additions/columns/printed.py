"""Whether a picture hangs on a wall."""

from studio.gallery.column import Column, Flag

COLUMN = Column("printed", Flag(on="print", off="unprint", symbol="▣"), order=10, filter="prints")
