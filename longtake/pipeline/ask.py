"""A question to the library: moments are found, a text model answers from them, and is checked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from longtake.check import judge
from longtake.errors import LongtakeError
from longtake.inference.engine import Engine
from longtake.inference.questions import hold_talk
from longtake.inference.scheduler import Work
from longtake.library import answer, look
from longtake.library.index import LibraryVideo, list_passages_of
from longtake.library.search import FoundMoment, VectorCache
from longtake.pipeline.look import VideoEyes
from longtake.pipeline.open_engines import Writer
from longtake.pipeline.search import Query, search_library
from longtake.records import Steps
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line

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

    Without sentences, the videos don't tell, or nobody could answer: the remarks say which. `looks`
    are those that were taken at frames because what was known did not settle it.
    """

    question: str
    sentences: tuple[answer.AnswerSentence, ...]
    moments: tuple[FoundMoment, ...]
    remarks: tuple[str, ...]
    answered_by: str = ""
    looks: tuple[look.Look, ...] = ()


OpenLooker = Callable[[], Engine | None]


@dataclass(frozen=True)
class Inquiry:
    """A question with what it follows upon, the videos it is about, and who answers it.

    `open_looker` opens the model that looks again at frames, where one is at hand.
    """

    question: Query
    videos: Sequence[LibraryVideo]
    writer: Writer
    judging: Engine | None
    earlier: Sequence[answer.Earlier] = ()
    open_looker: OpenLooker = lambda: None


def ask_library(work: Work, asked: Inquiry, cache_of_vectors: VectorCache) -> Steps[LibraryAnswer]:
    """The answer to a question, which may follow upon earlier ones, from what is known of these."""
    question, writer = asked.question, asked.writer
    wide = replace(
        question,
        text=answer.follow(question.text, asked.earlier),
        most=max(MOST_MOMENTS, question.most),
    )
    steps = search_library(work.store, work.settings, wide, asked.videos, cache_of_vectors)
    found = yield from steps
    around = cache(lambda video: list_passages_of(work.store, video))
    known = {video.id: video for video in asked.videos}
    told: tuple[answer.AnswerSentence, ...] = ()
    if isinstance(writer, Engine):
        told = yield from _read(work, asked, writer, found.moments, known, around)
    remarks = [] if told else [NOT_TOLD if isinstance(writer, Engine) else NO_MODEL]
    seen = None
    if not any(sentence.support == "supported" for sentence in told) and work.settings.looks:
        seen, said = yield from _look_again(work, asked, found.moments, around)
        remarks += said
    sentences = seen.sentences if seen and seen.sentences else told
    if sentences and not told:
        remarks = remarks[1:]
    by = writer.name if isinstance(writer, Engine) else ""
    return LibraryAnswer(
        question.text,
        sentences,
        found.moments[: question.most],
        (*remarks, *found.remarks),
        by,
        tuple(seen.looks) if seen else (),
    )


def _read(
    work: Work,
    asked: Inquiry,
    writer: Engine,
    moments: Sequence[FoundMoment],
    known: Mapping[int, LibraryVideo],
    around: answer.Around,
) -> Steps[tuple[answer.AnswerSentence, ...]]:
    """What a text model answers from what is known of the moments, each sentence held."""
    writer.load()
    talk = answer.answer(
        answer.tell_earlier(asked.question.text, asked.earlier),
        moments,
        known,
        around,
        writer.capabilities,
        writer.count_tokens,
    )
    note = f"answering with {writer.name}"
    told = yield from hold_talk(work, "ask", answer.VERSION, writer, talk, note)
    judging = asked.judging
    check = answer.check(
        told,
        known,
        judging.capabilities if judging else None,
        judging.count_tokens if judging else None,
        judging.name if judging else "",
    )
    note = f"checking with {judging.name}" if judging else "checking the words"
    return (yield from hold_talk(work, "check", judge.VERSION, judging, check, note))


def _look_again(
    work: Work, asked: Inquiry, moments: Sequence[FoundMoment], around: answer.Around
) -> Steps[tuple[look.Seen | None, list[str]]]:
    """What a model sees in the frames of the moments, and what to know of that.

    An error of it costs no more than the looking.
    """
    try:
        engine = asked.open_looker()
        if not engine:
            return None, []
        engine.load()
        with VideoEyes() as eyes:
            looker = look.Looker(
                engine.capabilities,
                engine.count_tokens,
                lambda side: engine.frame_tokens(side, side),
                eyes,
            )
            question = answer.tell_earlier(asked.question.text, asked.earlier)
            talk = look.look_again(question, moments, around, looker, work.settings.looks)
            note = f"looking again with {engine.name}"
            seen = yield from hold_talk(work, "look", look.VERSION, engine, talk, note)
    except LongtakeError as error:
        return None, [f"it could not be looked at again: {error.message}"]
    return seen, list(_say_looking(seen, engine.name))


def _say_looking(seen: look.Seen, name: str) -> Iterator[str]:
    if seen.gone:
        names = ", ".join(one_line(video.name) for video in seen.gone)
        yield f"not looked at again, as the file is not here or is another: {names}"
    if not seen.sentences and seen.looks:
        yield f"looked again {say_count(len(seen.looks), 'time')} with {name}: not settled"
