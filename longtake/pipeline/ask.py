"""A question to the library: moments are found, a text model answers from them, and is checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from longtake.check import judge
from longtake.inference.engine import Engine
from longtake.inference.questions import hold_talk
from longtake.inference.scheduler import Work
from longtake.library import answer
from longtake.library.index import LibraryVideo, list_passages_of
from longtake.library.search import FoundMoment, VectorCache
from longtake.pipeline.open_engines import Writer
from longtake.pipeline.search import Query, search_library
from longtake.records import Steps

MOST_MOMENTS = 12
"""Moments that an answer is looked for in."""
NO_MODEL = (
    "no text model is here to answer: these are the moments that are nearest to the question;"
    " `longtake doctor` says what would run here"
)
NOT_TOLD = "not in these videos, as far as they were described, heard and read"


@dataclass(frozen=True)
class LibraryAnswer:
    """What is known in answer to a question, the moments it was looked for in, and remarks.

    Without sentences, the videos don't tell, or nobody could answer: the remarks say which.
    """

    question: str
    sentences: tuple[answer.AnswerSentence, ...]
    moments: tuple[FoundMoment, ...]
    remarks: tuple[str, ...]
    answered_by: str = ""


def ask_library(
    work: Work,
    question: Query,
    videos: list[LibraryVideo],
    cache_of_vectors: VectorCache,
    writer: Writer,
    judging: Engine | None,
    earlier: Sequence[answer.Earlier] = (),
) -> Steps[LibraryAnswer]:
    """The answer to a question, which may follow upon earlier ones, from what is known of these."""
    wide = replace(
        question,
        text=answer.follow(question.text, earlier),
        most=max(MOST_MOMENTS, question.most),
    )
    steps = search_library(work.store, work.settings, wide, videos, cache_of_vectors)
    found = yield from steps
    shown = found.moments[: question.most]
    if not isinstance(writer, Engine):
        return LibraryAnswer(question.text, (), shown, (NO_MODEL, *found.remarks))
    writer.load()
    known = {video.id: video for video in videos}
    talk = answer.answer(
        answer.tell_earlier(question.text, earlier),
        found.moments,
        known,
        cache(lambda video: list_passages_of(work.store, video)),
        writer.capabilities,
        writer.count_tokens,
    )
    note = f"answering with {writer.name}"
    told = yield from hold_talk(work, "ask", answer.VERSION, writer, talk, note)
    check = answer.check(
        told,
        known,
        judging.capabilities if judging else None,
        judging.count_tokens if judging else None,
        judging.name if judging else "",
    )
    note = f"checking with {judging.name}" if judging else "checking the words"
    sentences = yield from hold_talk(work, "check", judge.VERSION, judging, check, note)
    remarks = found.remarks if sentences else (NOT_TOLD, *found.remarks)
    return LibraryAnswer(question.text, sentences, shown, remarks, writer.name)
