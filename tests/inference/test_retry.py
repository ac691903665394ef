"""Asking again: only where it can help, as often as allowed, after the right wait."""

from collections.abc import Callable

import pytest

from longtake.errors import (
    BadReply,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    OnlyThought,
    RequestTooLarge,
    UsageError,
)
from longtake.inference.engine import Reply, Request
from longtake.inference.retry import (
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    PATIENCE_SECONDS,
    TRIES,
    ask,
)
from tests.scripted import Said, ScriptedEngine, say_in_turn

QUESTION = Request("s", ("text",))


class PatientlyAsked(ScriptedEngine):
    """Says one thing after the other, and keeps the waits between."""

    def __init__(self, *said: Said) -> None:
        super().__init__(say_in_turn(*said))
        self.waits: list[float] = []

    def ask(
        self, accept: Callable[[Reply], None] = lambda reply: None, tries: int = TRIES
    ) -> Reply:
        return ask(self, QUESTION, accept, tries=tries, sleep=self.waits.append)[0]


GOOD = Reply("good", 5, 2, 0.5)


def test_good_reply_is_asked_for_once() -> None:
    engine = PatientlyAsked(GOOD)
    assert engine.ask() == GOOD
    assert engine.asked == [QUESTION] and engine.waits == []


@pytest.mark.parametrize("kind", [EngineUnreachable, EngineTimeout, EngineBusy, EngineFailed])
def test_passing_trouble_is_asked_again_the_same(kind: type[EngineError]) -> None:
    engine = PatientlyAsked(kind("a"), kind("b"), GOOD)
    reply = engine.ask()
    assert (reply.text, reply.tries) == ("good", 3)
    assert engine.asked == [QUESTION] * 3


@pytest.mark.parametrize(
    "error",
    [EngineUnreachable("away"), EngineBusy("loading"), EngineBusy("busy", retry_after=0.0)],
)
def test_engine_that_is_away_is_waited_for_and_no_longer_than_that(error: EngineError) -> None:
    engine = PatientlyAsked(*[error] * 6, EngineFailed("x"), BadReply("y"), GOOD)
    assert engine.ask().tries == 9
    assert [request.attempt for request in engine.asked] == [0] * 8 + [1]
    engine = PatientlyAsked(*[error] * 99)
    with pytest.raises(type(error)) as caught:
        engine.ask()
    assert sum(engine.waits) <= PATIENCE_SECONDS + LONGEST_WAIT_SECONDS
    assert TRIES < caught.value.tries == len(engine.asked) <= PATIENCE_SECONDS + 1


def test_each_error_is_noticed() -> None:
    errors = [EngineBusy("a"), EngineTimeout("b"), BadReply("c")]
    noticed: list[EngineError] = []
    ask(
        PatientlyAsked(*errors, GOOD),
        QUESTION,
        lambda r: None,
        sleep=lambda s: None,
        notice=noticed.append,
    )
    assert noticed == errors


@pytest.mark.parametrize("kind", [EngineRefused, RequestTooLarge])
def test_lasting_trouble_is_not_asked_again(kind: type[EngineError]) -> None:
    engine = PatientlyAsked(kind("no"), GOOD)
    with pytest.raises(kind, match="no") as caught:
        engine.ask()
    assert caught.value.tries == 1 and len(engine.asked) == 1 and engine.waits == []


def test_lasting_trouble_ends_the_tries_of_passing_trouble() -> None:
    engine = PatientlyAsked(EngineFailed("a"), EngineRefused("no"), GOOD)
    with pytest.raises(EngineRefused) as caught:
        engine.ask()
    assert caught.value.tries == 2 and len(engine.asked) == 2


@pytest.mark.parametrize("tries", [1, 2, TRIES, 5])
def test_last_error_is_raised_after_all_tries(tries: int) -> None:
    engine = PatientlyAsked(*[EngineFailed(f"number {n}") for n in range(1, 9)])
    with pytest.raises(EngineFailed, match=f"number {tries}") as caught:
        engine.ask(tries=tries)
    assert caught.value.tries == tries
    assert (len(engine.asked), len(engine.waits)) == (tries, tries - 1)


def test_no_try_at_all_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        PatientlyAsked().ask(tries=0)


@pytest.mark.parametrize("error", [UsageError("u"), KeyError("k"), KeyboardInterrupt()])
def test_what_is_no_engine_error_passes_at_once(error: BaseException) -> None:
    def refuse(reply: Reply) -> None:
        raise error

    engine = PatientlyAsked(GOOD, GOOD)
    with pytest.raises(type(error)):
        engine.ask(refuse)
    assert len(engine.asked) == 1


def test_waits_grow_to_a_bound() -> None:
    engine = PatientlyAsked(*[EngineFailed("x")] * 9)
    with pytest.raises(EngineFailed):
        engine.ask(tries=9)
    for place, wait in enumerate(engine.waits):
        middle = FIRST_WAIT_SECONDS * 2**place
        assert min(0.75 * middle, LONGEST_WAIT_SECONDS) <= wait
        assert wait <= min(1.25 * middle, LONGEST_WAIT_SECONDS)
    assert engine.waits[-1] == LONGEST_WAIT_SECONDS


def test_waits_differ_so_that_many_do_not_come_back_together() -> None:
    waits = set()
    for _ in range(5):
        engine = PatientlyAsked(EngineFailed("x"), GOOD)
        engine.ask()
        waits.update(engine.waits)
    assert len(waits) > 1


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (0.0, FIRST_WAIT_SECONDS),
        (7.0, 7.0),
        (3600.0, LONGEST_WAIT_SECONDS),
        (float("inf"), LONGEST_WAIT_SECONDS),
    ],
)
def test_busy_engine_is_given_the_time_it_asks_for(asked: float, waited: float) -> None:
    engine = PatientlyAsked(EngineBusy("busy", retry_after=asked), GOOD)
    assert engine.ask().tries == 2
    assert engine.waits == [waited]


def test_busy_engine_that_names_no_time_is_waited_for_as_others() -> None:
    engine = PatientlyAsked(EngineBusy("busy"), GOOD)
    engine.ask()
    assert 0.75 * FIRST_WAIT_SECONDS <= engine.waits[0] <= 1.25 * FIRST_WAIT_SECONDS


def test_bad_reply_is_asked_again_at_once() -> None:
    engine = PatientlyAsked(BadReply("empty"), BadReply("empty"), GOOD)
    assert engine.ask().tries == 3
    assert engine.waits == [0.0, 0.0]


def test_correction_goes_with_the_next_attempt_alone() -> None:
    engine = PatientlyAsked(
        BadReply("a", correction="Shorter."), BadReply("b", correction="In English."), GOOD
    )
    engine.ask()
    assert [request.parts for request in engine.asked] == [
        ("text",),
        ("text", "Shorter."),
        ("text", "In English."),
    ]
    engine = PatientlyAsked(BadReply("a", correction="Shorter."), EngineFailed("b"), GOOD)
    engine.ask()
    assert [request.parts for request in engine.asked] == [
        ("text",),
        ("text", "Shorter."),
        ("text",),
    ]


def test_reply_that_is_not_accepted_is_asked_for_again() -> None:
    def accept(reply: Reply) -> None:
        if reply.text != "good":
            raise BadReply("not good", correction="Be good.")

    engine = PatientlyAsked(Reply("bad"), GOOD)
    reply = engine.ask(accept)
    assert (reply.text, reply.tries) == ("good", 2)
    assert engine.asked[1].parts == ("text", "Be good.")
    engine = PatientlyAsked(*[Reply("bad")] * 5)
    with pytest.raises(BadReply, match="not good") as caught:
        engine.ask(accept)
    assert caught.value.tries == TRIES == len(engine.asked)


def test_replies_that_were_no_use_count_among_the_cost() -> None:
    def accept(reply: Reply) -> None:
        if reply.text != "good":
            raise BadReply("not good")

    reply = PatientlyAsked(Reply("bad", 5, 9, 0.25), EngineFailed("x"), GOOD).ask(accept)
    assert (reply.input_tokens, reply.output_tokens, reply.seconds) == (10, 11, 0.75)
    with pytest.raises(BadReply) as caught:
        PatientlyAsked(*[Reply("bad", 5, 9, 0.25)] * 3).ask(accept)
    error = caught.value
    assert (error.input_tokens, error.output_tokens, error.seconds) == (15, 27, 0.75)
    assert EngineFailed("another").input_tokens == 0


def test_count_of_tries_belongs_to_the_one_error() -> None:
    error = EngineFailed("the same")
    with pytest.raises(EngineFailed):
        PatientlyAsked(error, error, error).ask()
    assert error.tries == TRIES
    assert EngineFailed("another").tries == 1


def think(reply: str = "<think>Is it a", tokens: int = 64) -> Reply:
    return Reply(reply, 100, tokens, 0.5, complete=False)


def test_what_stands_round_an_answer_is_off_before_it_is_judged() -> None:
    judged: list[str] = []
    engine = PatientlyAsked(Reply("<think>Is it?</think><answer>good</answer></s>"))
    reply = engine.ask(lambda reply: judged.append(reply.text))
    assert judged == ["good"] and (reply.text, reply.thought) == ("good", True)


def test_thought_alone_is_asked_for_once_more_with_more_room() -> None:
    engine = PatientlyAsked(think(), Reply("<think>Is it a cat?</think>good", 100, 300))
    reply = engine.ask()
    assert (reply.text, reply.tries, reply.output_tokens) == ("good", 2, 364)
    first, second = engine.asked
    assert (first.max_tokens, second.max_tokens, second.attempt) == (256, 2048, 1)


def test_thought_that_never_ends_is_given_up_after_the_second_time() -> None:
    engine = PatientlyAsked(think(), think(), GOOD)
    with pytest.raises(OnlyThought, match="all 64 tokens") as caught:
        engine.ask()
    assert (caught.value.tries, len(engine.asked)) == (2, 2)
    assert caught.value.output_tokens == 128 and "thinking off" in caught.value.hint


def test_more_room_is_never_more_than_the_context_holds() -> None:
    crowded = Reply("<think>Is it", 3000, 64, complete=False)
    engine = PatientlyAsked(crowded, GOOD)
    engine.ask()
    assert engine.asked[1].max_tokens < 4096 - 3000
    full = PatientlyAsked(Reply("<think>Is it", 4000, 64, complete=False), GOOD)
    full.ask()
    assert full.asked[1].max_tokens == full.asked[0].max_tokens


def test_engine_without_more_room_leaves_the_reason_of_the_first_reply() -> None:
    engine = PatientlyAsked(think(), RequestTooLarge("too much"))
    with pytest.raises(OnlyThought, match="thought alone"):
        engine.ask()


def test_thought_that_ended_without_an_answer_is_asked_for_in_other_words() -> None:
    engine = PatientlyAsked(Reply("<think>A cat.</think>"), GOOD)
    assert engine.ask().tries == 2
    assert engine.asked[1].max_tokens == 256 and "thought alone" in str(engine.asked[1].parts[-1])


def test_refusal_beside_the_text_is_the_reason_that_is_told() -> None:
    engine = PatientlyAsked(*[Reply("", refusal="I can't do that.")] * TRIES)
    with pytest.raises(BadReply, match=r"the model refused: .*do that"):
        engine.ask()
