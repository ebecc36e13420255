"""Every word is there in every language, and the page uses no word that is not in the table."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from studio.gallery.column import Column
from studio.gallery.columns import columns
from studio.sampling.catalogue import SAMPLERS
from tabs.components.gallery_view import column_words
from tabs.locale.catalogue import ENGLISH, LANGUAGES, read_catalogue
from tabs.locale.words import sampler_key, table, words_of

TABS = Path(__file__).parents[2] / "tabs"


def test_every_text_is_given_in_every_language() -> None:
    for language in LANGUAGES:
        texts = read_catalogue(language)
        assert all(text.strip() for text in texts.values()), language
        assert set(read_catalogue(ENGLISH)) <= set(texts), language
        if language != ENGLISH:
            assert {sampler.description for sampler in SAMPLERS.values()} <= set(texts), "each is described, too"


def test_every_word_that_the_page_says_is_in_the_table() -> None:
    known = set(table()["en"])
    for file in TABS.glob("**/*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "say"
                and isinstance(node.args[0], ast.Constant)
            ):
                assert node.args[0].value in known, f"{file.name}: {node.args[0].value}"


@pytest.mark.parametrize("column", columns().values(), ids=lambda column: column.name)
def test_a_column_of_the_gallery_has_its_words(column: Column) -> None:
    assert set(column_words(column)) <= set(table()["en"])


def test_every_word_of_the_table_is_said() -> None:
    """A word that nobody says any more would be translated for ever."""
    spoken = [*TABS.glob("**/*.py"), *TABS.glob("static/*.js"), *TABS.glob("static/*.html")]
    studio = TABS.parent / "studio"
    files = [*spoken, *(studio / "requests").glob("*.py"), studio / "gallery" / "comparing.py"]  # which list choices
    files = [file for file in files if file.name != "words.py"]
    text = "".join(file.read_text() for file in files)
    quoted = {*re.findall(r"['\"](\w+)['\"]", text), *re.findall(r"words\.(\w+)", text)}
    quoted |= {file.stem for file in (studio / "gallery" / "exports").glob("*.py")}  # forms are called as their files
    quoted |= {word for column in columns().values() for word in column_words(column)}
    for key in read_catalogue(ENGLISH):
        plain = re.sub(
            "^(live|editor|shape|fill|noise|gallery_form|gallery_because|gallery_fact|gallery)_", "", key
        ).removesuffix("_hint")
        tab = key.removeprefix("tab_").removesuffix("_about")
        fact = plain.removeprefix("fact_")
        assert {key, plain, tab, fact} & quoted, f"{key} is never said"


def test_the_live_view_gets_its_words_in_every_language() -> None:
    words = words_of("live_")
    assert set(words) == set(LANGUAGES)
    script = (TABS / "static" / "live.js").read_text()
    for key in re.findall(r"say\('(\w+)'", script):
        assert f"live_{key}" in words["en"]


def test_sampler_keys_are_distinct() -> None:
    keys = [sampler_key(sampler) for sampler in SAMPLERS.values()]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"\w+", key) for key in keys)
