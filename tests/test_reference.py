"""What people rely on: the names to import, and the page of all commands and settings."""

import inspect

import longtake
from scripts.write_reference import FILE, reference

TYPES = {
    "BatchRow", "Chunk", "Comparison", "Description", "FoundMoment", "Ledger", "LibraryAnswer",
    "LongtakeError", "Overview", "Progress", "Result", "Scan", "SearchResult", "Segment",
    "Sentence", "Shot", "Span", "Summary", "Transcript", "Video",
}  # fmt: skip
FUNCTIONS = {
    "ask": ("question", "videos", "most", "on_progress", "settings"),
    "compare": ("source", "arms", "on_progress", "settings"),
    "resummarize": ("path", "on_progress", "settings"),
    "scan": ("source", "on_progress", "settings"),
    "search": ("query", "videos", "kinds", "after", "before", "most", "on_progress", "settings"),
    "summarize": ("source", "on_progress", "settings"),
    "summarize_many": ("sources", "jobs", "ray", "retry_failed", "on_ended", "settings"),
    "transcribe": ("source", "on_progress", "settings"),
}


def test_public_names_are_these_and_no_others() -> None:
    assert set(longtake.__all__) == TYPES | set(FUNCTIONS)
    assert all(inspect.isclass(getattr(longtake, name)) for name in TYPES)


def test_public_functions_take_these_arguments() -> None:
    taken = {
        name: tuple(inspect.signature(getattr(longtake, name)).parameters) for name in FUNCTIONS
    }
    assert taken == FUNCTIONS


def test_reference_says_what_the_code_says() -> None:
    assert FILE.read_text(encoding="utf-8") == reference(), "stale: `make reference` writes it anew"
