"""A digest in the form that a model's summary has: headline, sentences, chapters, what made it."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from longtake.digest import Digest, Quote
from longtake.records import Chapter, Material, Node, Sentence, Summary, Video

SUFFIXES = tuple(".mp4 .m4v .mkv .webm .mov .avi .mpg .mpeg .ts .flv .wmv .ogv .3gp".split())
FEWEST_QUOTES = 8
"""Of fewer, no phrase tells what they are about."""


def as_summary(digest: Digest, quotes: Sequence[Quote], material: Material) -> Summary:
    """The digest in the form that a model's summary has, with a chapter for each topic."""
    described = any(d.is_prose for d in material.descriptions)
    what = "described, said and written" if described else "said and written"
    lacks = "text model" if described else "vision-language model"
    made = f"made without a {lacks}: what is {what}, in its own words{_say_heard(material, quotes)}"
    return Summary(
        headline=_find_headline(digest, quotes, material.video),
        headline_support="quoted",
        sentences=tuple(
            Sentence(q.text, q.chunks, "own words", "quoted", source=q.source, span=q.span)
            for topic in digest.topics
            for q in topic.quotes
        ),
        chapters=tuple(Chapter(topic.span, topic.title) for topic in digest.topics),
        nodes=(Node(0, tuple(d.chunk.number for d in material.descriptions if d.text), 0),),
        made_by=made if quotes else f"made without a {lacks}; no words of it are known",
    )


def list_texts(material: Material) -> list[str]:
    """All that is said; where that is nothing, all that is written or described."""
    said = [d.speech for d in material.descriptions if d.speech]
    written = [d.on_screen for d in material.descriptions if d.on_screen]
    return said or written or [d.text for d in material.descriptions if d.is_prose]


def _say_heard(material: Material, quotes: Sequence[Quote]) -> str:
    """Who heard what is said, where somebody had to: it may be wrong."""
    if not material.heard_by or not any(quote.source == "voice" for quote in quotes):
        return ""
    alone = " and knows only English" if material.heard_by.endswith(".en") else ""
    return f"; the speech as {material.heard_by} heard it, which mishears some words{alone}"


def _find_headline(digest: Digest, quotes: Sequence[Quote], video: Video) -> str:
    """Its title, else the first heading on screen, its chief phrases, or the file's name."""
    title = "" if _is_file_name(video) else video.title
    headings = (quote.text for quote in quotes if quote.heading)
    phrases = ", ".join(digest.phrases) if len(quotes) >= FEWEST_QUOTES else ""
    phrases = phrases[:1].upper() + phrases[1:]
    return title or next(headings, "") or phrases or Path(video.name).stem


def _is_file_name(video: Video) -> bool:
    """Whether its title is but that of a file: of an upload, or of a link to a file."""
    return (
        video.title.casefold().endswith(SUFFIXES)
        or video.title == Path(urlsplit(video.link).path).stem
    )
