"""What a run makes of refusals, and of scripts without blanks: gaps with reasons, descriptions."""

from pathlib import Path

import pytest

from longtake.inference.engine import Reply, Request
from longtake.records import Result
from longtake.store import Store
from tests.scripted import ScriptedEngine, finish

REFUSAL = "Es tut mir leid, aber ich kann keine Bilder ansehen."
CHINESE = "一名男子走过广场。他停下来看表"


def describe(video: Path, store: Store, reply: Reply, flow: str) -> Result:
    """A run in which the first chunk is refused, and the others get this reply."""

    def say(request: Request) -> Reply:
        return Reply(REFUSAL) if request.frames[0].time < 1 else reply

    return finish(video, store, ScriptedEngine(say), flow=flow)


@pytest.mark.parametrize("flow", ["independent", "context"])
def test_refusal_leaves_a_gap_that_says_so_and_the_others_go_on(
    numbered: Path, store: Store, flow: str
) -> None:
    said = Reply(f"<think>Hm。</think>{CHINESE}", complete=False)
    first, *others = describe(numbered, store, said, flow).descriptions
    assert first.status == "failed" and not first.text
    assert "declines" in first.error and REFUSAL in first.error
    assert {d.text for d in others} == {"一名男子走过广场。"}
    assert all("cut off" in d.remark for d in others)


def test_opening_of_a_description_is_not_kept(numbered: Path, store: Store) -> None:
    said = Reply("I'm unable to identify the person, but the frames show a man at a door.")
    _, *others = describe(numbered, store, said, "independent").descriptions
    assert {d.text for d in others} == {"The frames show a man at a door."}
