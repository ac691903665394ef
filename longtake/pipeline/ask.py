"""A question to the library: moments are found, a text model answers from them, and is checked.

Where that does not settle it, who sees looks again at their frames.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from longtake.check import judge
from longtake.errors import LongtakeError
from longtake.inference.engine import Engine
from longtake.inference.questions import hold_talk
from longtake.inference.scheduler import Work
from longtake.library import answer
from longtake.library.index import KnownPassage, LibraryVideo, list_passages_of
from longtake.library.look import LookBudget, Looked
from longtake.library.look_places import LookPlace, list_places
from longtake.library.passages import TOLD_TO_MODELS
from longtake.library.say import look_values, moment_values, sentence_values
from longtake.library.search import FoundMoment, VectorCache
from longtake.pipeline.look import Around, look_again
from longtake.pipeline.open_engines import Writer
from longtake.pipeline.search import Query, search_library
from longtake.records import Steps
from longtake.store import Store
from longtake.text.untrusted import one_line

MOST_MOMENTS = 12
"""Moments that an answer is looked for in."""
NO_MODEL = (
    "no text model is here to answer: these are the moments that are nearest to the question;"
    " `longtake doctor` says what would run here"
)
NOT_TOLD = "not in these videos, as far as they were described, heard and read"


NO_EYES = "no vision model is here to look again"

OpenLooker = Callable[[], Engine | None]
"""Opens and loads who sees, where there is one."""


@dataclass(frozen=True)
class LibraryAnswer:
    """What is known in answer to a question, the moments it was looked for in, and remarks.

    Without sentences, the videos don't tell, or nobody could answer: the remarks say which. `looks`
    are the moments whose frames were looked at again.
    """

    question: str
    sentences: tuple[answer.AnswerSentence, ...]
    moments: tuple[FoundMoment, ...]
    remarks: tuple[str, ...]
    answered_by: str = ""
    looks: tuple[Looked, ...] = ()


def answer_values(found: LibraryAnswer) -> dict[str, object]:
    """The answer as JSON has it; times in seconds."""
    return {
        "question": found.question,
        "sentences": [sentence_values(sentence) for sentence in found.sentences],
        "moments": [moment_values(moment, {}) for moment in found.moments],
        "remarks": list(found.remarks),
        "answered_by": found.answered_by,
        "looks": [look_values(looked) for looked in found.looks],
    }


@dataclass(frozen=True)
class Answerers:
    """Who answers from what is known, who judges that, and who may look again at frames.

    `may_look` says whether there is time for one more look; without `open_looker` nobody looks.
    """

    writer: Writer
    judging: Engine | None = None
    open_looker: OpenLooker | None = None
    may_look: Callable[[], bool] = lambda: True


def ask_library(
    work: Work,
    question: Query,
    videos: list[LibraryVideo],
    cache_of_vectors: VectorCache,
    who: Answerers,
    earlier: Sequence[answer.Earlier] = (),
) -> Steps[LibraryAnswer]:
    """The answer to a question, which may follow upon earlier ones, from what is known of these."""
    wide = replace(
        question,
        text=answer.follow(question.text, earlier),
        kinds=TOLD_TO_MODELS,
        most=max(MOST_MOMENTS, question.most),
    )
    steps = search_library(work.store, work.settings, wide, videos, cache_of_vectors)
    found = yield from steps
    told = answer.tell_earlier(question.text, earlier)
    around: Around = cache(lambda video: _list_telling(work.store, video))
    sentences: tuple[answer.AnswerSentence, ...] = ()
    if isinstance(who.writer, Engine):
        from_text = _answer_from_text(work, told, found.moments, videos, around, who)
        sentences = yield from from_text
    known = LibraryAnswer(
        question.text,
        sentences,
        found.moments[: question.most],
        found.remarks,
        who.writer.name if isinstance(who.writer, Engine) else "",
    )
    lacks = [] if sentences else [NOT_TOLD if isinstance(who.writer, Engine) else NO_MODEL]
    settled = any(sentence.support == "supported" for sentence in sentences)
    if settled or not who.open_looker or not work.settings.looks:
        return _say_first(known, *lacks)
    places = list_places(found.moments, videos, work.settings.looks)
    return (yield from _look(work, told, known, places, around, who, lacks))


def _list_telling(store: Store, video: int) -> list[KnownPassage]:
    """The passages of a video that models are told of, in time order."""
    return [p for p in list_passages_of(store, video) if p.kind in TOLD_TO_MODELS]


def _answer_from_text(
    work: Work,
    question: str,
    moments: Sequence[FoundMoment],
    videos: Sequence[LibraryVideo],
    around: Around,
    who: Answerers,
) -> Steps[tuple[answer.AnswerSentence, ...]]:
    """The sentences that the writer finds in passages, and that hold against them."""
    writer, judging = who.writer, who.judging
    assert isinstance(writer, Engine)
    writer.load()
    known = {video.id: video for video in videos}
    talk = answer.answer(question, moments, known, around, writer.capabilities, writer.count_tokens)
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
    return (yield from hold_talk(work, "check", judge.VERSION, judging, check, note))


def _look(
    work: Work,
    question: str,
    known: LibraryAnswer,
    places: Sequence[LookPlace],
    around: Around,
    who: Answerers,
    lacks: Sequence[str],
) -> Steps[LibraryAnswer]:
    """The answer once somebody looked again; what goes wrong at that costs nothing but itself.

    `lacks` is what to say where nothing is found that way either.
    """
    try:
        looker = who.open_looker() if who.open_looker else None
    except LongtakeError as error:
        return _say_first(known, *lacks, f"nobody could look again: {one_line(error.message)}")
    if not looker:
        eyeless = [f"{lack}; {NO_EYES}" if lack == NOT_TOLD else lack for lack in lacks]
        return _say_first(known, *eyeless)
    budget = LookBudget(work.settings.looks, who.may_look)
    second = yield from look_again(work, question, places, around, looker, budget)
    looked, best = replace(known, looks=second.looks), second.best
    if best and best.sentence and (best.came == "answered" or not known.sentences):
        told = replace(looked, sentences=(best.sentence,), answered_by=looker.name)
        return _say_first(told, *second.remarks)
    return _say_first(looked, *lacks, *second.remarks)


def _say_first(known: LibraryAnswer, *remarks: str) -> LibraryAnswer:
    return replace(known, remarks=(*remarks, *known.remarks))
