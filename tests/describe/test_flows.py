"""Both flows on a written timeline: what is recalled, in which order, and who is who."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from longtake.errors import EngineFailed
from longtake.inference.engine import Reply, Request
from longtake.pipeline.summarize import run
from longtake.records import Result
from longtake.settings import Settings
from longtake.store import Store
from tests.conftest import ROOT
from tests.scripted import Scribe, finish
from tests.timeline import EMPTY, RATE, SECONDS, Witness, read_earlier
from tests.videos import make_video

KINDS = ("previous", "memory", "full")
MAN = "man in a red coat"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute whose pictures carry their numbers."""
    folder = tmp_path_factory.mktemp("films")
    return make_video(folder / "film.mp4", seconds=SECONDS, rate=RATE)


def recall(film: Path, store: Store, engine: Witness, **values: object) -> Result:
    """A run in flow II unless said otherwise, summarised in the descriptions' words."""
    return finish(film, store, engine, Scribe(), **({"flow": "context"} | values))


def told(result: Result) -> str:
    assert result.summary
    return " ".join(sentence.text for sentence in result.summary.sentences)


@pytest.mark.parametrize("kind", ["independent", *KINDS])
def test_summary_recalls_every_event_in_its_order(film: Path, store: Store, kind: str) -> None:
    flow = {"flow": kind} if kind == "independent" else {"context": kind}
    text = told(recall(film, store, Witness(), **flow))
    events = ["walks in", "lifts a bag", "puts ", "feeds the dog", "waves goodbye"]
    places = [text.find(event) for event in events]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("kind", KINDS)
def test_event_across_a_boundary_is_one_where_context_tells_its_beginning(
    film: Path, store: Store, kind: str
) -> None:
    result = recall(film, store, Witness(), context=kind)
    assert "puts down the bag that he lifted before" in result.descriptions[2].text
    alone = recall(film, store, Witness(), flow="independent")
    assert "puts a bag down" in alone.descriptions[2].text


def test_somebody_who_comes_back_has_the_same_mark(film: Path, store: Store) -> None:
    result = recall(film, store, Witness())
    man = next(entity for entity in result.entities if entity.look == MAN)
    assert man.chunks == (1, 2, 3, 8)
    assert f"The {MAN} [{man.mark}] waves goodbye." in result.descriptions[7].text
    assert len({entity.mark for entity in result.entities}) == len(result.entities)
    assert told(result).count(f"[{man.mark}]") >= 3
    assert result.summary
    titles = [result.summary.headline, *(c.title for c in result.summary.chapters)]
    assert not any("[" in title for title in titles)
    alone = recall(film, store, Witness(), flow="independent")
    assert alone.entities == ()
    assert "[" not in told(alone)


def test_two_who_look_different_never_share_a_mark(film: Path, store: Store) -> None:
    class Careless(Witness):
        """Calls everybody P1."""

        def answer(self, request: Request) -> Reply:
            reply = super().answer(request)
            return Reply(re.sub(r"\bP\d+\b", "P1", reply.text), 1, 1)

    result = recall(film, store, Careless())
    marks = {entity.look: entity.mark for entity in result.entities}
    assert marks[MAN] != marks["woman with a dog"]
    assert f"[{marks['woman with a dog']}]" in result.descriptions[3].text


def test_mark_of_nobody_is_left_out(film: Path, store: Store) -> None:
    class Inventive(Witness):
        def answer(self, request: Request) -> Reply:
            return Reply(json.dumps({"description": "A man [P77] walks by [L9]."}), 1, 1)

    result = recall(film, store, Inventive())
    assert {d.text for d in result.descriptions} == {"A man walks by."}
    assert result.entities == ()


def test_chunks_of_one_stretch_go_in_order_and_tell_only_of_earlier_ones(
    film: Path, store: Store
) -> None:
    engine = Witness(width=4)
    recall(film, store, engine, context="full", segments=1)
    starts = [request.frames[0].time for request in engine.asked]
    assert starts == sorted(starts)
    for number, request in enumerate(engine.asked):
        assert len(read_earlier(request).splitlines()) == number


def test_context_comes_first_and_apart_from_what_is_seen(film: Path, store: Store) -> None:
    engine = Witness()
    recall(film, store, engine)
    systems = {request.system for request in engine.asked}
    assert len(systems) == 1
    assert "may be wrong" in systems.pop()
    for request in engine.asked[1:]:
        first = request.parts[0]
        assert isinstance(first, str)
        assert first.startswith("<earlier>")
        assert not any("<earlier>" in part for part in request.parts[1:] if isinstance(part, str))


@pytest.mark.parametrize("budget", [40, 60, 200])
def test_memory_never_goes_over_its_budget(film: Path, store: Store, budget: int) -> None:
    engine = Witness()
    recall(film, store, engine, memory_tokens=budget, chunk_seconds=3.0)
    told = [read_earlier(request) for request in engine.asked]
    assert max(map(engine.count_tokens, told)) <= budget
    assert any(MAN in text for text in told)


def test_full_context_folds_where_the_model_s_context_is_full(film: Path, store: Store) -> None:
    engine = Witness(context=1700)
    result = recall(film, store, engine, context="full", chunk_seconds=1.0, segments=1)
    assert result.ledger.failed == 0
    for request in engine.asked:
        used = engine.count_tokens(f"{request.system} {request.text}") + 100 * len(request.frames)
        assert used + request.max_tokens <= 1700
    assert "walks in" in read_earlier(engine.asked[30])
    whole = Witness()
    recall(film, store, whole, context="full", chunk_seconds=1.0, segments=1)
    assert len(read_earlier(whole.asked[-1])) > 1.5 * len(read_earlier(engine.asked[-1]))


@pytest.mark.parametrize("context", [1000, 1300])
def test_full_context_carries_something_however_small_the_model_s_is(
    film: Path, store: Store, context: int
) -> None:
    engine = Witness(context=context)
    result = recall(film, store, engine, context="full", segments=1)
    assert result.ledger.failed == 0
    assert all(read_earlier(request) for request in engine.asked[1:])


def test_ledger_counts_the_context_of_what_was_asked(film: Path, store: Store) -> None:
    result = recall(film, store, Witness())
    tokens = sum(d.context_tokens for d in result.descriptions)
    asked = sum(d.status == "described" for d in result.descriptions)
    assert f"{tokens} tokens in {asked} prompts" in result.ledger.context


def test_false_memory_does_not_spread(film: Path, store: Store) -> None:
    """An engine that once saw a dragon where there is none; `full` tells of it ever after."""
    told = {}
    for kind in ("memory", "full"):
        engine = Witness()
        result = recall(film, store, engine, chunk_seconds=1.0, context=kind, segments=1)
        false = [d.chunk.number for d in result.descriptions if "dragon" in d.text]
        assert false == [32]
        told[kind] = sum("dragon" in read_earlier(request) for request in engine.asked)
    assert told == {"memory": 5, "full": 28}


@pytest.mark.parametrize("kind", KINDS)
def test_no_line_is_counted_twice(film: Path, store: Store, kind: str) -> None:
    """A server is asked for each count."""

    class Counting(Witness):
        def __init__(self) -> None:
            super().__init__()
            self.counted: Counter[str] = Counter()

        def count_tokens(self, text: str) -> int:
            self.counted[text] += text.startswith(("0:", "["))
            return super().count_tokens(text)

    engine = Counting()
    recall(film, store, engine, context=kind)
    assert max(engine.counted.values()) == 1


def test_failed_chunk_leaves_nothing_in_later_prompts(film: Path, store: Store) -> None:
    class Failing(Witness):
        def answer(self, request: Request) -> Reply:
            if 9 < request.frames[0].time < 17:
                raise EngineFailed("SECRET TRACE")
            return super().answer(request)

    engine = Failing()
    result = recall(film, store, engine)
    assert [gap.chunk for gap in result.ledger.gaps] == [3]
    assert not any("SECRET" in request.text for request in engine.asked)


def test_second_run_asks_nothing_and_tells_the_same(film: Path, store: Store) -> None:
    first = recall(film, store, Witness())
    again = Witness()
    second = recall(film, store, again)
    assert again.asked == []
    assert [d.text for d in second.descriptions] == [d.text for d in first.descriptions]
    assert second.entities == first.entities
    assert second.ledger.context == first.ledger.context != ""


@pytest.mark.parametrize("stop_after", [1, 4, 9])
@pytest.mark.parametrize("kind", KINDS)
def test_run_that_was_stopped_goes_on_with_the_same_context(
    film: Path, store: Store, kind: str, stop_after: int
) -> None:
    engine = Witness()
    settings = Settings(out="out", chunking="fixed", flow="context", context=kind, read_text="off")
    steps = run(film, settings, store, engine, None)
    for count, _ in enumerate((step for step in steps if step.description), start=1):
        if count == stop_after:
            steps.close()  # type: ignore[attr-defined]
            break
    rest = Witness()
    result = recall(film, store, rest, context=kind)
    assert len(rest.asked) <= len(result.descriptions) - stop_after
    with Store(Path("other.sqlite")) as other:
        whole = recall(film, other, Witness(), context=kind)
    assert [d.text for d in result.descriptions] == [d.text for d in whole.descriptions]


def test_chunk_that_came_late_is_asked_and_so_is_what_it_changes(film: Path, store: Store) -> None:
    class Failing(Witness):
        def answer(self, request: Request) -> Reply:
            if 17 < request.frames[0].time < 23:
                raise EngineFailed("boom")
            return super().answer(request)

    first = recall(film, store, Failing(), context="previous")
    assert [gap.chunk for gap in first.ledger.gaps] == [4]
    engine = Witness()
    second = recall(film, store, engine, context="previous")
    # The fifth tells of "the same" woman now, which the sixth is told; the sixth says what it said.
    assert "The same woman" in second.descriptions[4].text
    assert [int(request.frames[0].time / 6) + 1 for request in engine.asked] == [4, 5, 6]


def test_stretches_have_contexts_of_their_own_and_marks_of_the_whole(
    film: Path, store: Store
) -> None:
    engine = Witness(width=2)
    result = recall(film, store, engine, segments=2, context="memory")
    man = next(entity for entity in result.entities if entity.look == MAN)
    assert man.chunks == (1, 2, 3, 8)
    assert sum(entity.look == MAN for entity in result.entities) == 1
    assert f"[{man.mark}] waves goodbye" in result.descriptions[7].text
    assert "2 stretches" in result.ledger.context
    first = next(request for request in engine.asked if request.frames[0].time > 29)
    assert MAN not in read_earlier(first)


def test_reply_without_a_schema_is_a_description(film: Path, store: Store) -> None:
    class Plain(Witness):
        def answer(self, request: Request) -> Reply:
            reply = super().answer(request)
            return Reply(json.loads(reply.text)["description"], 1, 1)

    result = recall(film, store, Plain())
    assert result.ledger.failed == 0
    assert "walks in" in result.descriptions[0].text
    assert result.descriptions[8].text == EMPTY


def test_reply_that_breaks_off_in_its_description_ends_with_a_whole_sentence(
    film: Path, store: Store
) -> None:
    class Cut(Witness):
        def answer(self, request: Request) -> Reply:
            reply = super().answer(request)
            return Reply(reply.text[: reply.text.index('", "seen"')] + " And th", complete=False)

    result = recall(film, store, Cut())
    assert result.ledger.failed == 0
    assert result.descriptions[6].text == EMPTY
    assert "cut off" in result.descriptions[6].remark


def test_reply_that_is_a_document_of_another_kind_is_a_gap(film: Path, store: Store) -> None:
    class Other(Witness):
        def answer(self, request: Request) -> Reply:
            return Reply('{"scene": "A man walks in.", "mood": ')

    result = recall(film, store, Other())
    assert result.ledger.failed == len(result.descriptions)
    assert "broken document" in result.ledger.gaps[0].reason


def test_reply_that_breaks_off_in_its_notes_keeps_its_description(film: Path, store: Store) -> None:
    class Cut(Witness):
        def answer(self, request: Request) -> Reply:
            reply = super().answer(request)
            return Reply(reply.text[: reply.text.index('"seen"') + 9], 1, 1, complete=False)

    result = recall(film, store, Cut())
    assert result.ledger.failed == 0
    assert "walks in" in result.descriptions[0].text


def test_engine_that_reads_no_text_says_so_and_asks_as_in_flow_one(
    film: Path, store: Store
) -> None:
    from dataclasses import replace

    engine = Witness()
    engine.capabilities = replace(engine.capabilities, text=False)
    result = recall(film, store, engine)
    assert result.ledger.context == "none: witness reads no text"
    again = Witness()
    recall(film, store, again, flow="independent")
    assert again.asked == []


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from longtake.pipeline.summarize import run
from longtake.settings import Settings
from longtake.store import Store
from tests.timeline import Witness

film, store, log, die_at = sys.argv[1:]

class Mortal(Witness):
    def answer(self, request):
        if len(self.asked) + 1 == int(die_at):
            os.kill(os.getpid(), signal.SIGKILL)
        with open(log, "a") as file:
            file.write(f"{request.frames[0].time}\\n")
        return super().answer(request)

settings = Settings(
    out="out", chunking="fixed", flow="context", segments=2, read_text="off"
)
for step in run(film, settings, Store(Path(store)), Mortal(width=2), None):
    pass
"""


def test_killed_run_loses_no_more_than_the_chunks_under_way(film: Path, tmp_path: Path) -> None:
    store, log = tmp_path / "killed.sqlite", tmp_path / "log"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    codes = []
    for die_at in (4, 0):
        arguments = [sys.executable, "-c", KILLED_RUN, film, store, log, die_at]
        done = subprocess.run(list(map(str, arguments)), env=environment, check=False)
        codes.append(done.returncode)
    assert codes == [-signal.SIGKILL, 0]
    asked = Counter(log.read_text().split())
    assert len(asked) == 10
    assert asked.total() - len(asked) <= 2
