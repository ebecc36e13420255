"""One folder a family of architectures: ``detect`` says whether a checkpoint is of its kind, ``loading`` makes a model.

Dropping a folder in here is its registration; see `studio.models.registry` for what it offers.
"""
