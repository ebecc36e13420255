"""The pages' tabs: one file a tab, found by its ``TITLE``. gradio is imported here and in ``app.py`` only."""
