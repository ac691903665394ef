"""A second look: a vision-language model is shown frames of the best moments, with the question.

It may zoom into a frame, see other frames or read what is said around, a few steps a moment, within
a budget of requests; what it answers is held against the frames it names. Asks nobody itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from longtake.describe.frame_limits import View, fit_view
from longtake.inference.engine import Capabilities, Reply, Request
from longtake.inference.questions import CountTokens, Question, Talk
from longtake.library.answer import AnswerSentence, Around, Proof
from longtake.library.index import KnownPassage, LibraryVideo
from longtake.library.search import FoundMoment
from longtake.prompts import read_prompt
from longtake.reconcile.replies import ACTIONS, Act, look_schema, read_act, read_verdict
from longtake.records import Support
from longtake.text.plurals import say_count
from longtake.text.untrusted import defuse
from longtake.timecode import Span
from longtake.video.choose_frames import spread_evenly

VERSION = 1
"""Part of each look's key: raised whenever frames are chosen or replies read in another way."""
MOST_STEPS = 4
"""Requests about one moment, its check not counted."""
LEAST_SECONDS, MOST_SECONDS = 6.0, 24.0
"""Of a span that is viewed."""
CLOSER, LARGER = 2, 2
"""So many times the frames, and the side, that describing takes."""
NEAR_SECONDS, READ_SECONDS = 5.0, 60.0
"""What is known so near is told with the frames; what is read when it asks for that."""
REPLY_TOKENS, CHECK_TOKENS, SPARE_TOKENS = 200, 16, 96
MOST_KNOWN = 40
"""Lines that are told with the frames."""

LOOKED = "looked"
"""The kind of what a second look proves, beside those of passages."""


@dataclass(frozen=True)
class Sight:
    """What is shown of a video: pictures on display at these seconds, and of one a part perhaps.

    `side` is the longest one in pixels; `box` is left, top, right, bottom in thousandths.
    """

    video: LibraryVideo
    times: tuple[float, ...]
    side: int
    box: tuple[int, ...] = ()

    def facts(self) -> dict[str, object]:
        """What of it is part of a question's key."""
        return {"video": self.video.sha256, "times": self.times, "side": self.side, "box": self.box}


@dataclass(frozen=True)
class Look:
    """One look: at which stretch of which video, what was done, and what came of it."""

    video: LibraryVideo
    span: Span
    did: str
    came: str


class Eyes(Protocol):
    """Who shows a sight."""

    def find_length(self, video: LibraryVideo) -> float:
        """Seconds of video that can be read; 0 where the file is not here any more."""

    def show(self, sight: Sight, request: Request) -> Request:
        """The request with the frames in it."""


@dataclass(frozen=True)
class Looker:
    """The model that looks: what it takes, what a frame of some side costs, and who shows it."""

    able: Capabilities
    count_tokens: CountTokens
    frame_tokens: Callable[[int], int]
    eyes: Eyes


@dataclass
class Seen:
    """What came of looking: sentences, and each look; `left` is how many more there may be."""

    left: int
    sentences: tuple[AnswerSentence, ...] = ()
    looks: list[Look] = field(default_factory=list)
    gone: list[LibraryVideo] = field(default_factory=list)
    """Videos whose file is not here."""


def look_again(
    question: str, moments: Sequence[FoundMoment], around: Around, looker: Looker, budget: int
) -> Talk[Seen]:
    """Look at one moment after the other until the question is settled, or the budget is spent."""
    seen = Seen(budget)
    for moment in _merge(moments):
        if seen.left < 1:
            break
        length = looker.eyes.find_length(moment.video)
        if not length:
            seen.gone += [moment.video] if moment.video not in seen.gone else []
            continue
        yield from _look_at(
            question, moment.video, _widen(moment.span, length), around, looker, seen
        )
        if seen.sentences:
            break
    return seen


def _merge(moments: Sequence[FoundMoment]) -> Iterator[FoundMoment]:
    """The best first; none that another before it would show."""
    shown: list[tuple[int, Span]] = []
    for moment in moments:
        span = _widen(moment.span, float("inf"))
        if any(
            v == moment.video.id and s.start < span.end and span.start < s.end for v, s in shown
        ):
            continue
        shown.append((moment.video.id, span))
        yield moment


def _widen(span: Span, length: float) -> Span:
    """So long that something can happen in it, and no longer than frames can show."""
    middle = (span.start + span.end) / 2
    seconds = min(max(span.seconds + 2, LEAST_SECONDS), MOST_SECONDS)
    start = max(0.0, min(middle - seconds / 2, length - seconds))
    return Span(round(start, 3), round(min(length, start + seconds), 3))


def _look_at(
    question: str,
    video: LibraryVideo,
    span: Span,
    around: Around,
    looker: Looker,
    seen: Seen,
) -> Talk[None]:
    """A few steps at one moment."""
    known = _near(around(video.id), span, NEAR_SECONDS)
    sight = _view(question, video, span, known, looker)
    did, done = say_count(len(sight.times), "frame"), set()
    for step in range(MOST_STEPS):
        if seen.left < 1 or (sight, len(known)) in done:
            return
        done.add((sight, len(known)))
        last = step == MOST_STEPS - 1 or seen.left == 1
        act = yield from _ask(question, sight, known, looker, last)
        seen.left -= 1
        seen.looks.append(Look(video, _span_of(sight), did, _say(act)))
        if act and act.kind == "answer":
            yield from _hold(act, sight, looker, seen)
            return
        if not act or act.kind == "not_here" or last:
            return
        if act.kind == "zoom":
            sight, did = _zoom(sight, act, looker), "a part of a frame, enlarged"
        elif act.kind == "view":
            wanted = _widen(
                Span(act.start, max(act.start, act.end)), looker.eyes.find_length(video)
            )
            known = _near(around(video.id), wanted, NEAR_SECONDS)
            sight = _view(question, video, wanted, known, looker)
            did = say_count(len(sight.times), "frame")
        else:
            known = _near(around(video.id), _span_of(sight), READ_SECONDS)
            did = f"{say_count(len(sight.times), 'frame')} and what is known around"


def _ask(
    question: str, sight: Sight, known: Sequence[KnownPassage], looker: Looker, last: bool
) -> Talk[Act | None]:
    """What the model does next; None where no reply could be used."""
    prompt = read_prompt("look")
    kinds = ("answer", "not_here") if last else ACTIONS
    request = Request(
        prompt.system,
        (_tell(question, known, last=last),),
        REPLY_TOKENS,
        examples=prompt.examples,
        schema=look_schema(kinds),
    )
    count = len(sight.times)

    def accept(reply: Reply) -> None:
        read_act(reply.text, kinds, count)

    (reply,) = yield [_show(request, sight, looker, accept)]
    return read_act(reply, kinds, count) if reply else None


def _hold(act: Act, sight: Sight, looker: Looker, seen: Seen) -> Talk[None]:
    """Hold an answer against the frames that it names: what they don't show is dropped."""
    times = tuple(sight.times[number - 1] for number in act.frames)
    cited = Sight(sight.video, times, sight.side, sight.box)
    support: Support = "unchecked"
    if seen.left > 0:
        prompt = read_prompt("look_check")
        words = f"Statement: {defuse(act.text)}"
        request = Request(prompt.system, (words,), CHECK_TOKENS)
        (reply,) = yield [_show(request, cited, looker, lambda reply: None)]
        seen.left -= 1
        verdict = read_verdict(reply or "")
        came = {"yes": "shown", "no": "not shown"}.get(verdict, "can't be told")
        count = say_count(len(times), "frame")
        seen.looks.append(Look(sight.video, _span_of(cited), f"{count}, to check that", came))
        if verdict == "no":
            return
        support = "supported" if verdict == "yes" else "unchecked"
    proof = Proof(sight.video, _span_of(cited), LOOKED, act.text)
    seen.sentences = (AnswerSentence(act.text, support, (proof,)),)


def _show(
    request: Request, sight: Sight, looker: Looker, accept: Callable[[Reply], None]
) -> Question:
    return Question(request, accept, sight.facts(), lambda asked: looker.eyes.show(sight, asked))


def _view(
    question: str, video: LibraryVideo, span: Span, known: Sequence[KnownPassage], looker: Looker
) -> Sight:
    """As many frames of a span as the model takes, closer and larger than for a description."""
    able = looker.able
    words = _tell(question, known, last=True)
    taken = sum(map(looker.count_tokens, (read_prompt("look").system, words)))
    taken += sum(looker.count_tokens(t) for turn in read_prompt("look").examples for t in turn)
    room = able.context_tokens - taken - REPLY_TOKENS - SPARE_TOKENS
    most = min(CLOSER * able.frames_per_chunk, able.images or CLOSER * able.frames_per_chunk)
    wanted = View(most, LARGER * able.frame_side)
    view = fit_view(wanted, room, looker.frame_tokens) or View(1, able.frame_side)
    return Sight(video, tuple(spread_evenly(span, view.frames)), view.side)


def _zoom(sight: Sight, act: Act, looker: Looker) -> Sight:
    """A part of a frame; of a part, that part of it."""
    left, top, right, bottom = sight.box or (0, 0, 1000, 1000)
    width, height = right - left, bottom - top
    a, b, c, d = act.box
    inner = (
        left + width * a // 1000,
        top + height * b // 1000,
        left + width * c // 1000,
        top + height * d // 1000,
    )
    time = sight.times[act.frames[0] - 1]
    return Sight(sight.video, (time,), LARGER * looker.able.frame_side, inner)


def _near(passages: Sequence[KnownPassage], span: Span, seconds: float) -> list[KnownPassage]:
    near = [
        p
        for p in passages
        if p.kind != "told"
        and p.span.end >= span.start - seconds
        and p.span.start <= span.end + seconds
    ]
    return near[:MOST_KNOWN]


def _tell(question: str, known: Sequence[KnownPassage], *, last: bool) -> str:
    lines = [f"{p.span}, {p.kind}: {defuse(p.text)}" for p in known]
    told = ["<known>", *lines, "</known>"] if lines else []
    end = ["This is the last look: answer, or say not_here."] if last else []
    return "\n".join([*told, "", f"Question: {defuse(question)}", *end])


def _span_of(sight: Sight) -> Span:
    return Span(min(sight.times), max(sight.times))


def _say(act: Act | None) -> str:
    if not act:
        return "no answer that could be read"
    said: Mapping[str, str] = {
        "answer": act.text,
        "zoom": "wants to see a part larger",
        "view": "wants to see other frames",
        "read": "wants to read what is said around",
        "not_here": "not there",
    }
    return said[act.kind]
