"""A server that takes fewer frames than it is sent, whatever it says of that: fewer are tried."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.engines.server import SIGHT_TOKENS
from longtake.records import Result
from longtake.store import Store
from tests.engines.server.opened import open_at
from tests.scripted import finish
from tests.servers import CHAT, Act, Answer, Asked, ScriptedServer, as_chat, as_error, serve


def take(most: int, refusal: Answer) -> Act:
    """Answers up to so many frames, and refuses more in those words."""

    def answer(asked: Asked, connection: socket.socket) -> Answer:
        if count(asked.json) > most:
            return refusal
        return as_chat("A red block moves slowly to the right.")

    return answer


def count(body: object) -> int:
    return str(body).count("data:image/jpeg")


def counts(server: ScriptedServer) -> list[int]:
    """The frames of each question about a chunk: of four, where nothing is in the way."""
    return [count(body) for body in server.chats if body["max_tokens"] > SIGHT_TOKENS]


def describe(server: ScriptedServer, video: Path, store: Store) -> Result:
    with open_at(server) as engine:
        engine.capabilities = replace(engine.capabilities, repeats=True, frame_seconds=1.25)
        return finish(video, store, engine, chunk_seconds=5.0, at_once=1)


REFUSALS = [
    as_error(422, "`inputs` tokens + `max_new_tokens` must be <= 4096"),
    as_error(500, "only supports one image"),
    as_error(500, "failed to process image"),
    as_error(400, "Bad Request"),
    Answer(500),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda answer: str(answer.body)[:40])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_chunk_is_seen_with_as_many_frames_as_the_server_takes(
    most: int, refusal: Answer, numbered: Path, store: Store
) -> None:
    with serve() as server:
        server.set(CHAT, take(most, refusal))
        result = describe(server, numbered, store)
        sent = counts(server)
    assert {found.status for found in result.descriptions} == {"described"}
    remarks = dict(result.ledger.remarks)
    assert sorted(remarks) == [1, 2, 3, 4]
    assert all("in place of 4 frames" in remark for remark in remarks.values())
    taken = [frames for frames in sent if frames <= most]
    assert len(taken) == 4 and len(set(taken)) == 1
    # The second chunk was made ready before the first was answered; the others know.
    assert sent[-2:] == taken[:2]


@pytest.mark.parametrize("status", [400, 500])
def test_server_that_refuses_a_single_frame_too_is_not_asked_so_for_each_chunk(
    status: int, numbered: Path, store: Store
) -> None:
    def answer(asked: Asked, connection: socket.socket) -> Answer:
        sees = asked.json["max_tokens"] == SIGHT_TOKENS
        first = "0:01" in str(asked.json)
        return as_chat("A square moves.") if sees or first else as_error(status, "no")

    with serve() as server:
        server.set(CHAT, answer)
        result = describe(server, numbered, store)
        sent = counts(server)
    assert [gap.chunk for gap in result.ledger.gaps] == [2, 3, 4]
    tries = 1 if status == 400 else 3
    assert [sent.count(frames) for frames in (4, 2, 1)] == [1 + 3 * tries, tries, tries]


def test_refusal_that_is_no_matter_of_frames_is_taken_at_its_word(
    numbered: Path, store: Store
) -> None:
    def answer(asked: Asked, connection: socket.socket) -> Answer:
        sees = asked.json["max_tokens"] == SIGHT_TOKENS
        first = "0:01" in str(asked.json)
        return as_chat("A square moves.") if sees or first else as_error(404, "no such model")

    with serve() as server:
        server.set(CHAT, answer)
        result = describe(server, numbered, store)
        assert counts(server) == [4] * 4
    assert len(result.ledger.gaps) == 3


def test_fewer_frames_that_are_too_much_for_the_memory_are_made_less_of(
    numbered: Path, store: Store
) -> None:
    def answer(asked: Asked, connection: socket.socket) -> Answer:
        frames = count(asked.json)
        if frames > 2:
            return as_error(400, "Bad Request")
        if frames > 1:
            return as_error(500, "CUDA out of memory")
        return as_chat("A red block moves slowly to the right.")

    with serve() as server:
        server.set(CHAT, answer)
        result = describe(server, numbered, store)
        assert counts(server)[:3] == [4, 2, 1] and len(counts(server)) <= 8
    assert {found.status for found in result.descriptions} == {"described"}
