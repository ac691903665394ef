"""What of a result can be found again, each with its own times and kind."""

from dataclasses import replace
from pathlib import Path

from longtake.library.add import add_to_library
from longtake.library.index import list_passages_of, list_videos
from longtake.library.passages import Passage, list_passages
from longtake.pipeline.session import run_to_end
from longtake.records import (
    Action,
    Chapter,
    Chunk,
    Description,
    Material,
    Segment,
    Sentence,
    Summary,
    Tag,
    Video,
    Words,
)
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span

FIRST, SECOND = Chunk(1, Span(0, 6)), Chunk(2, Span(6, 12))


def make_material(*descriptions: Description) -> Material:
    words = {1: Words((Segment(Span(1.5, 3), "Hello there."),))}
    return Material(Video(Path("talk.mp4"), "1" * 64, 12.0, 12.0), descriptions, words)


def test_described_and_said_stand_with_their_own_times() -> None:
    described = Description(FIRST, "described", "fake", "A man waves. He leaves.")
    found = list_passages(make_material(described), None, "en")
    assert found == [
        Passage("seen", Span(0, 6), "A man waves."),
        Passage("seen", Span(0, 6), "He leaves."),
        Passage("said", Span(1.5, 3), "Hello there."),
    ]


def test_what_detectors_saw_can_be_found_where_nobody_described() -> None:
    text = "Measured: much motion"
    tagged = Description(
        FIRST, "described", "sketch", text, tags=(Tag("car", 1.0), Tag("dog", 0.5))
    )
    assert Passage("seen", Span(0, 6), "car, dog") in list_passages(
        make_material(tagged), None, "en"
    )


def test_summary_tells_in_its_own_words_and_quotes_nothing_twice() -> None:
    summary = Summary(
        "A greeting",
        (
            Sentence("A man greets.", (1, 2), support="supported"),
            Sentence("Hello there.", (1,), "own words", "quoted"),
            Sentence("He flies away.", (2,), support="unsupported"),
        ),
        (Chapter(Span(6, 12), "The end"),),
    )
    descriptions = (Description(FIRST, "failed", "fake"), Description(SECOND, "failed", "fake"))
    told = [p for p in list_passages(make_material(*descriptions), summary, "") if p.kind == "told"]
    assert told == [
        Passage("told", Span(0, 12), "A greeting"),
        Passage("told", Span(0, 12), "A man greets."),
        Passage("told", Span(6, 12), "The end"),
    ]


def test_headline_that_is_the_file_s_name_tells_nothing() -> None:
    assert list_passages(make_material(), Summary("talk", ()), "") == []


def test_describing_again_keeps_what_the_summary_told(store: Store) -> None:
    settings = Settings(embedder="words")
    material = make_material(Description(FIRST, "described", "fake", "A man waves."))
    told = Summary("A greeting", ())
    run_to_end(add_to_library(store, settings, material, told))
    again = make_material(Description(FIRST, "described", "fake", "A man waves twice."))
    run_to_end(add_to_library(store, settings, again, None))
    (video,) = list_videos(store)
    assert video.headline == "A greeting"
    assert [p.text for p in list_passages_of(store, video.id)] == [
        "A man waves twice.",
        "Hello there.",
        "A greeting",
    ]


def test_actions_stand_behind_all_else_each_with_its_own_times() -> None:
    described = Description(FIRST, "described", "fake", "A man waves.")
    actions = (Action("waving", 0.9, Span(2, 4)), Action("standing", 0.4, Span(0, 2)))
    bare = list_passages(make_material(described), None, "en")
    found = list_passages(make_material(replace(described, actions=actions)), None, "en")
    assert found == [
        *bare,
        Passage("action", Span(0, 2), "standing"),
        Passage("action", Span(2, 4), "waving"),
    ]
