"""Text, names and times as the page writes them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.runs.files import say_bytes
from longtake.text.untrusted import one_line
from longtake.web.format import (
    WORD_JOINER,
    as_file_name,
    as_text,
    say_seconds,
    say_when,
)
from tests.web.examples import HOSTILE


@given(st.text(max_size=60))
def test_markdown_shows_any_text_as_it_is(text: str) -> None:
    shown = as_text(text)
    read = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", shown).replace(WORD_JOINER, "")
    assert read == one_line(text).replace(WORD_JOINER, "")
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[\]()*_`$#~|!]", re.sub(r"\\.", "", shown))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_mark_survives_that_streamlit_reads_after_escapes(text: str) -> None:
    shown = re.sub(r"\\(.)", r"\1", as_text(text))
    assert not re.search(r":[a-z]+[/\[:]|://|@\w|www\.", shown)


@given(st.text(max_size=200))
def test_a_title_makes_a_harmless_file_name(title: str) -> None:
    name = as_file_name(title)
    assert re.fullmatch(r"[\w.\- ]{1,80}", name)
    assert name not in (".", "..") and not name.startswith((".", " "))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(3, "a few seconds"), (41, "40 seconds"), (57, "1 minute"), (200, "3 minutes"),
     (7800, "2 h 10 min")],
)  # fmt: skip
def test_a_guess_is_said_no_more_exactly_than_it_is(seconds: float, said: str) -> None:
    assert say_seconds(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(1_440_000_000, "1.4 GB"), (94_000_000, "94 MB"), (12_300, "12 kB"), (7, "7 bytes")],
)
def test_a_size_is_said_in_the_unit_that_people_use_for_it(count: int, said: str) -> None:
    assert say_bytes(count) == said


@pytest.mark.parametrize(
    ("passed", "said"),
    [(5, "just now"), (60, "1 minute ago"), (7300, "2 hours ago"), (86400 * 3, "3 days ago")],
)
def test_a_moment_is_said_by_how_long_ago_it_was(passed: float, said: str) -> None:
    assert say_when(1e9, now=1e9 + passed) == said


def test_a_moment_of_another_week_is_said_by_its_date() -> None:
    assert say_when(1e9, now=2e9) in ("2001-09-08", "2001-09-09", "2001-09-10")
