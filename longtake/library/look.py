"""A second look at the frames of a moment: what a model is asked, step by step, and what came.

Asks nobody itself, and opens no video: it yields questions, and is given frames by who does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor

from longtake.describe.frame_limits import View, steps_down
from longtake.inference.engine import Reply, Request
from longtake.inference.questions import Question, Talk
from longtake.inference.scheduler import Prepared
from longtake.library.answer import AnswerSentence, Proof
from longtake.library.index import KnownPassage, LibraryVideo
from longtake.library.look_places import (
    CHECK_TOKENS,
    REPLY_TOKENS,
    WORDS_SHARE,
    Glance,
    LookPlace,
    Sight,
    widen,
)
from longtake.library.look_replies import (
    WHOLE,
    Box,
    LookReply,
    look_schema,
    read_look,
    read_verdict,
    verdict_schema,
)
from longtake.prompts import read_prompt
from longtake.reconcile.replies import Schema
from longtake.records import Frame
from longtake.text.untrusted import defuse, one_line
from longtake.timecode import Span

VERSION = 1
"""Part of each look's key: raised whenever frames are chosen, or replies read, in another way."""
MOST_STEPS = 4
"""Of a moment, its checks not counted."""
AROUND_SECONDS, READ_SECONDS = 15.0, 60.0
"""How far around the frames words are told at first, and once they are asked for."""
MOST_NOTES = 300
"""Letters of what a model noted."""


@dataclass
class LookBudget:
    """The requests that may still be made; `may_begin` says whether there is time for another."""

    left: int
    may_begin: Callable[[], bool] = lambda: True
    asked: int = 0

    @property
    def open(self) -> bool:
        """Whether there is room for frames and for the check of what is seen in them.

        One alone may be spent on frames: what is seen is not checked then.
        """
        return (self.left > 1 or (self.left == 1 and not self.asked)) and self.may_begin()

    def take(self) -> None:
        """One is made."""
        self.left -= 1
        self.asked += 1


@dataclass(frozen=True)
class Looked:
    """A moment that was looked at again: what was done there, in how many requests.

    `came` is "answered", "not sure" (a check could not tell) or "not there".
    """

    video: LibraryVideo
    span: Span
    done: tuple[str, ...]
    requests: int
    came: str = "not there"
    sentence: AnswerSentence | None = None


@dataclass
class _Now:
    """What is shown next and told with it, and what was done so far."""

    glance: Glance
    known: Sequence[KnownPassage]
    notes: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    seen: list[object] = field(default_factory=list)


def look(
    place: LookPlace,
    question: str,
    passages: Sequence[KnownPassage],
    sight: Sight,
    budget: LookBudget,
) -> Talk[Looked]:
    """What the frames of a moment tell in answer to a question; `passages` are its video's."""
    span = widen(place.span, sight.end)
    now = _Now(sight.plan(span), _near(passages, span, AROUND_SECONDS))
    before = budget.asked
    sentence = None
    for step in range(1, MOST_STEPS + 1):
        if not budget.open:
            break
        budget.take()
        now.done.append(str(now.glance))
        now.seen.append((now.glance, now.known))
        last = step == MOST_STEPS or budget.left < 2
        (came,) = yield [_ask(place.video, question, now, sight, last)]
        reply = read_look(came or "", len(now.glance.times))
        if reply.action == "answer" and reply.text:
            sentence = yield from _check(place.video, reply, now.glance, sight, budget)
            if sentence or reply.text in now.notes:
                break
            now.notes.append(reply.text)
        elif not _go_on(reply, now, passages, sight):
            break
    held = sentence is not None and sentence.support == "supported"
    outcome = "answered" if held else "not sure" if sentence else "not there"
    done = tuple(dict.fromkeys(now.done))
    return Looked(place.video, span, done, budget.asked - before, outcome, sentence)


def _go_on(reply: LookReply, now: _Now, passages: Sequence[KnownPassage], sight: Sight) -> bool:
    """Do what a reply wants; False where that can't be, or was done before."""
    glance, known = now.glance, now.known
    around = glance.cover(range(len(glance.times)))
    if reply.action == "view":
        following = _view(reply, sight)
    elif reply.action == "zoom":
        following = _zoom(reply, glance, sight)
    elif reply.action == "read":
        following = glance
        known = _near(passages, around, READ_SECONDS)
    else:
        following = None
    if following is None or (following, known) in now.seen:
        return False
    if reply.action == "read":
        first, last = max(0.0, around.start - READ_SECONDS), around.end + READ_SECONDS
        now.done.append(f"the words of {Span(first, max(first, min(last, sight.end)))}")
    if reply.text:
        now.notes.append(reply.text)
    now.glance, now.known = following, known
    return True


def _view(reply: LookReply, sight: Sight) -> Glance | None:
    """Frames of another stretch, as far as the video goes."""
    if reply.start is None or reply.end is None or not reply.start < min(reply.end, sight.end):
        return None
    return sight.plan(Span(reply.start, min(reply.end, sight.end)))


def _zoom(reply: LookReply, glance: Glance, sight: Sight) -> Glance | None:
    """A part of one frame; of what is a part already, a part of that."""
    if not reply.box or not (reply.frames or len(glance.times) == 1):
        return None
    time = glance.times[reply.frames[0] - 1 if reply.frames else 0]
    return Glance((time,), sight.zoomed.side, glance.seconds, _inside(reply.box, glance.box))


def _inside(box: Box, outer: Box | None) -> Box:
    if not outer:
        return box
    left, top, right, bottom = outer
    width, height = right - left, bottom - top
    return (
        left + box[0] * width // WHOLE,
        top + box[1] * height // WHOLE,
        left + max(box[2] * width // WHOLE, box[0] * width // WHOLE + 1),
        top + max(box[3] * height // WHOLE, box[1] * height // WHOLE + 1),
    )


def _check(
    video: LibraryVideo, reply: LookReply, glance: Glance, sight: Sight, budget: LookBudget
) -> Talk[AnswerSentence | None]:
    """The answer with what proves it; None where the frames that it cites don't show it.

    What a model says that is too small to judge is never more than a guess.
    """
    places = [number - 1 for number in reply.frames] or list(range(len(glance.times)))
    proof = Proof(video, _end_at(glance.cover(places), sight.end), "looked", str(glance))
    verdict = "unclear"
    if budget.left:
        budget.take()
        cited = replace(glance, times=tuple(glance.times[place] for place in places))
        told = f"Sentence: {defuse(one_line(reply.text))}"
        question = _pose("look_check", video, cited, sight, "", told, verdict_schema())
        (came,) = yield [question]
        verdict = read_verdict(came or "")
    if verdict == "no":
        return None
    sure = verdict == "yes" and not sight.able.small
    return AnswerSentence(reply.text, "supported" if sure else "unchecked", (proof,))


def _end_at(span: Span, end: float) -> Span:
    """The stretch in whole seconds, as people read times, and inside the video."""
    span = Span(float(floor(span.start)), float(ceil(span.end)))
    return Span(min(span.start, end), min(span.end, end)) if end > 0 else span


def _ask(video: LibraryVideo, question: str, now: _Now, sight: Sight, last: bool) -> Question:
    """The question with the frames of now, what is known around them, and what was noted."""
    lines = _fit(now.known, sight)
    told = [f"The video lasts {sight.end:.1f} seconds."]
    if lines:
        told += ["<known>", *lines, "</known>"]
    asked = [f"Noted before: {_say(note)[:MOST_NOTES]}" for note in now.notes]
    asked.append(f"Question: {_say(question)}")
    if now.glance.box:
        asked.append("The frame is an enlarged part of the picture.")
    if last:
        asked.append('This is the last look: reply with "answer" or "not_here".')
    return _pose("look", video, now.glance, sight, "\n".join(told), "\n".join(asked), look_schema())


def _fit(known: Sequence[KnownPassage], sight: Sight) -> list[str]:
    """As many of the first ones as there is room for, in the order of time."""
    room = sight.able.context_tokens // WORDS_SHARE
    while True:
        lines = [
            f"{p.span.start:.1f}–{p.span.end:.1f} s, {p.kind}: {_say(p.text)}"
            for p in sorted(known, key=lambda p: (p.span, p.id))
        ]
        if not lines or sight.count_tokens("\n".join(lines)) <= room:
            return lines
        known = known[: len(known) * 3 // 4]


def _say(text: str) -> str:
    return defuse(one_line(text))


def _near(passages: Sequence[KnownPassage], span: Span, seconds: float) -> list[KnownPassage]:
    """What is known within so many seconds of a stretch, what is nearest first."""
    first, last = span.start - seconds, span.end + seconds
    near = [
        p for p in passages if p.kind != "told" and p.span.end >= first and p.span.start <= last
    ]
    middle = (span.start + span.end) / 2
    return sorted(near, key=lambda p: abs((p.span.start + p.span.end) / 2 - middle))


def _pose(
    prompt: str,
    video: LibraryVideo,
    glance: Glance,
    sight: Sight,
    before: str,
    after: str,
    schema: Schema,
) -> Question:
    """A question whose frames are only read where the store has no answer to it."""
    titles = [f"Frame {number}, {time:.1f} s:" for number, time in enumerate(glance.times, 1)]
    most = REPLY_TOKENS if prompt == "look" else CHECK_TOKENS

    def make(frames: Mapping[int, Frame]) -> Request:
        shown: list[str | Frame] = []
        for number, title in enumerate(titles, 1):
            if number in frames:
                shown += [title, frames[number]]
        told = [before] if before else []
        return Request(read_prompt(prompt).system, (*told, *shown, after), most, schema=schema)

    def prepare(left: Iterator[View]) -> Prepared | None:
        view = next(left, None)
        if not view:
            return None
        return Prepared(make(sight.show(glance, view)), lessen=lambda error: prepare(left))

    def begin() -> Prepared:
        view = View(len(glance.times), glance.side)
        return prepare(steps_down(view)) or Prepared(None)

    told = Request(read_prompt(prompt).system, (before, *titles, after), most, schema=schema)
    facts = {
        "video": video.sha256,
        "times": list(glance.times),
        "side": glance.side,
        "box": list(glance.box or ()),
    }
    return Question(told, _accept, facts, begin)


def _accept(reply: Reply) -> None:
    """Every reply will do: one of no use is no step, and is not asked for again."""
