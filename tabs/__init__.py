"""The pages' tabs: one file a tab, found by its ``TITLE``. gradio is imported here and in ``app.py`` only."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"  # templates, styles and scripts
