"""Both flows and more arms on one video: what differs, what it costs, and what can't be told."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake
from longtake.cli.main import main
from longtake.errors import EngineFailed, UsageError
from longtake.inference.engine import Engine, Reply, Request
from longtake.pipeline.compare import compare_arms, plan_arms
from longtake.pipeline.ledger import keep_ledger
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.session import run_to_end
from longtake.records import (
    Arm,
    Chunk,
    Comparison,
    Cost,
    Description,
    Result,
    Sentence,
    Summary,
    Video,
)
from longtake.report import OF_SUMMARY
from longtake.report.compare import comparison_as_json, say_worth
from longtake.report.compare_page import as_page
from longtake.report.measures import FEWEST_PAIRS, MEASURES, pair, weigh
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from tests.scripted import ScriptedEngine
from tests.timeline import RATE, SECONDS, Witness
from tests.videos import cut, draw_noisy, make_video

INPUT, WORDS, REPEATED = MEASURES[0], MEASURES[3], MEASURES[4]


def make_teller(fails_at: str = "never", name: str = "teller") -> ScriptedEngine:
    """Tells chunks apart by time; costs 100 tokens, and with context 50 more."""

    def say(request: Request) -> Reply:
        if not request.frames:
            return Reply("Something goes on.", 20, 4, 0.5)
        if fails_at in request.text:
            raise EngineFailed("the model fell over <b>", "")
        tokens = 100 + 50 * ("<earlier>" in request.text)
        return Reply(f"A man stands at {request.frames[0].time} seconds.", tokens, 7, 0.25)

    return ScriptedEngine(say, name, context_tokens=8192)


@pytest.fixture(scope="session")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of twenty chunks of half a second."""
    return make_video(tmp_path_factory.mktemp("videos") / "a & b.mp4", seconds=10, rate=4)


def compare(
    video: Path, store: Store, engine: Engine, arms: tuple[str, ...] = (), **values: object
) -> Comparison:
    """What comparing to the end finds, with one engine for all."""
    common: dict[str, object] = {"out": "out", "chunk_seconds": 0.5, "chunking": "fixed"}
    settings = Settings(**(common | {"speech": "off", "read_text": "off"} | values))  # type: ignore[arg-type]
    plans = plan_arms(arms, settings)
    steps = compare_arms(
        video, plans, store, Engines(lambda *_: engine), sleep=lambda seconds: None
    )
    return run_to_end(steps)


def make_result(
    texts: list[str], seconds: float = 6.0, tokens: int = 100, sentences: tuple[Sentence, ...] = ()
) -> Result:
    """A result of chunks of one length with these descriptions; an empty one failed."""
    descriptions = tuple(
        Description(
            Chunk(k + 1, Span(k * seconds, (k + 1) * seconds)),
            "described" if text else "failed",
            "engine",
            text=text,
            error="" if text else "no picture",
            cost=Cost(1, tokens, 5, 0.1),
        )
        for k, text in enumerate(texts)
    )
    summary = Summary("x", sentences)
    video = Video(Path("v.mp4"), "ab", len(texts) * seconds, len(texts) * seconds)
    ledger = keep_ledger(descriptions, summary)
    return Result(video, descriptions, summary, ledger, (), Path("out"))


def test_both_flows_and_more_arms_run_on_one_scan(twenty: Path, store: Store) -> None:
    found = compare(twenty, store, make_teller(), ("long: chunk_seconds=1",))
    assert [arm.name for arm in found.arms] == ["independent", "context", "long"]
    assert [arm.result.ledger.planned for arm in found.arms] == [20, 20, 10]
    for arm in found.arms:
        written = {path.name for path in Path("out/arms", arm.name).glob("[!.]*")}
        assert {*written, "chapters.txt"} == {"descriptions.csv", *OF_SUMMARY}


def test_known_costs_are_found_and_told_apart(twenty: Path, store: Store) -> None:
    flow_one, flow_two = compare(twenty, store, make_teller()).arms
    assert dict(flow_one.stages)["describe"] == Cost(20, 2000, 140, 5.0)
    assert flow_one.context_tokens == 0
    assert flow_one.overhead == 1.0
    assert flow_two.overhead
    assert flow_two.overhead == flow_two.cost.input_tokens / flow_one.cost.input_tokens
    describe = dict(flow_two.stages)["describe"].input_tokens
    assert flow_two.describe_overhead == describe / 2000
    assert flow_two.describe_overhead > 1.2
    assert flow_two.context_tokens > 0


def test_a_second_compare_asks_nothing_and_shows_the_same(twenty: Path, store: Store) -> None:
    first = json.loads(comparison_as_json(compare(twenty, store, make_teller())))
    again = make_teller()
    second = json.loads(comparison_as_json(compare(twenty, store, again)))
    assert again.asked == []
    for document in (first, second):
        for arm in document["arms"]:
            arm.pop("wall_seconds")
    assert first == second


def test_engines_are_opened_once_for_arms_that_want_the_same(twenty: Path, store: Store) -> None:
    opened: list[str] = []

    def open_engine(name: str, settings: Settings) -> Engine:
        opened.append(name)
        return make_teller()

    settings = Settings(
        out="out", chunking="fixed", engine="a", reconciler="server:b", speech="off"
    )
    plans = plan_arms(("c: engine=c",), settings)
    run_to_end(compare_arms(twenty, plans, store, Engines(open_engine)))
    assert sorted(opened) == ["a", "c", "server:b"]


def test_memory_costs_a_little_and_knows_who_comes_back(tmp_path: Path, store: Store) -> None:
    film = make_video(tmp_path / "film.mp4", seconds=SECONDS, rate=RATE)
    values: dict[str, object] = {"chunk_seconds": 6.0, "segments": 1}
    found = compare(film, store, Witness(), ("context=full",), **values)
    flow_one, memory, _ = found.arms
    assert (flow_one.marks, memory.marks) == (0, 2)
    assert memory.describe_overhead
    assert 1 < memory.describe_overhead < 1.35
    said = {worth.measure: worth for worth in found.worths if worth.arm == "context"}
    assert said["input tokens"].told
    assert said["returning marks"].low > 0
    assert not said["words of the description"].told
    page = Path("out/compare.html").read_text()
    assert "<b class=mark>P1</b> man in a red coat" in page


def test_equal_arms_differ_in_nothing() -> None:
    texts = [f"A man walks past {n} cars." for n in range(12)]
    for measure in MEASURES:
        worth = weigh("same", measure.name, pair(make_result(texts), make_result(texts), measure))
        assert worth.low <= 0 <= worth.high
        assert say_worth(worth) == f"{measure.name}: the same in all 12 chunks"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_the_interval_holds_the_mean_and_is_always_the_same(values: list[float]) -> None:
    worth = weigh("arm", INPUT.name, values)
    slack = 1e-6 * max(1.0, *map(abs, values))
    assert worth.low - slack <= worth.mean <= worth.high + slack
    assert worth == weigh("arm", INPUT.name, values)
    mirrored = weigh("arm", INPUT.name, [-value for value in values])
    assert mirrored.told == worth.told or min(abs(worth.low), abs(worth.high)) <= slack


def test_equal_arms_that_only_scatter_are_seldom_told_apart() -> None:
    random = np.random.default_rng(3)
    told = [weigh("arm", INPUT.name, [*random.normal(size=20)]).told for _ in range(200)]
    assert sum(told) <= 20


def test_a_difference_is_said_with_its_interval_or_that_it_cannot_be_told() -> None:
    random = np.random.default_rng(1)
    more = weigh("arm", INPUT.name, [*(212 + random.normal(scale=20, size=50))])
    assert re.fullmatch(
        r"input tokens: \+2\d\d a chunk \(95 %: \+2\d\d to \+2\d\d\)", say_worth(more)
    )
    few = weigh("arm", INPUT.name, [200.0] * (FEWEST_PAIRS - 1))
    assert say_worth(few) == "input tokens: can't tell from 7 chunks"
    unsure = weigh("arm", WORDS.name, [-1.0, 1.0, 2.0, -2.0] * 5)
    assert say_worth(unsure).startswith("words of the description: can't tell from 20 chunks (−")
    assert (
        say_worth(weigh("arm", WORDS.name, [])) == "words of the description: no chunk to compare"
    )


def test_other_chunks_are_paired_by_the_time_they_share() -> None:
    base = make_result(["One two."] * 6, seconds=6)
    long = make_result(["One two three four."] * 3, seconds=12, tokens=300)
    assert pair(base, long, INPUT) == pytest.approx([100.0] * 3)
    assert pair(base, long, WORDS) == pytest.approx([0.0] * 3)
    assert pair(base, long, REPEATED) == pytest.approx([-0.5, 0, 0])
    assert pair(long, base, INPUT) == pytest.approx([-100.0] * 3)


@pytest.mark.parametrize("longer", [2, 5])
def test_longer_chunks_that_differ_in_nothing_are_seldom_told_apart(longer: int) -> None:
    random = np.random.default_rng(longer)
    told = 0
    for _ in range(100):
        base = make_result([f"{'word ' * n}." for n in random.integers(5, 30, 60)])
        words = [f"{'word ' * n}." for n in random.integers(5, 30, (60 // longer, longer)).sum(1)]
        other = make_result(words, seconds=6 * longer)
        told += weigh("arm", WORDS.name, pair(base, other, WORDS)).told
    assert told <= 12


def test_chunks_that_one_arm_lacks_are_left_out_of_what_is_said_but_not_of_costs() -> None:
    base = make_result(["One two."] * 6)
    gappy = make_result(["One two."] * 5 + [""])
    assert len(pair(base, gappy, WORDS)) == 5
    assert len(pair(base, gappy, INPUT)) == 6


def test_repeats_are_found_whatever_numbers_they_hold() -> None:
    result = make_result(["At 1:02 it rains.", "at 7:45 it RAINS.", "It snows."])
    assert REPEATED.take(result) == [0, 1, 0]


def test_unsupported_sentences_count_for_the_chunks_that_they_cite() -> None:
    said = Sentence("It snows.", (2, 3), support="unsupported", why="no snow")
    result = make_result(["It rains."] * 4, sentences=(said,))
    assert MEASURES[-1].take(result) == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        (("colour=red",), "unknown setting 'colour'"),
        (("frames=many",), "'many' is not a whole number"),
        (("chunking=odd",), "chunking=odd': 'odd' is unknown"),
        (("frames",), "is not key=value"),
        (("a: frames=1", "A: frames=2"), "two arms are named"),
        (("a: frames=1", "b: frames=1"), "have the same settings"),
        (("frames=1, frames=2",), "sets frames twice"),
        (("out=elsewhere",), "can't set out"),
        (("flow=independent, context=full",), "carries no context"),
        (("",), "is not key=value"),
        (("context=memory",), "have the same settings"),
    ],
)
def test_arms_that_cannot_be_are_refused(arms: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_arms(arms, Settings())
    assert said in caught.value.message
    assert caught.value.hint


def test_arms_have_names_and_flows_of_their_own() -> None:
    settings = Settings(flow="context", frames=3)
    given = ("chunk-seconds=12, engine=gguf:a/b", "all: context=full", "x: focus=what, and why?")
    plans = plan_arms(given, settings)
    assert [plan.name for plan in plans[2:]] == ["chunk_seconds 12.0, engine gguf:a/b", "all", "x"]
    assert [plan.settings.flow for plan in plans] == [
        "independent", "context", "independent", "context", "independent",
    ]  # fmt: skip
    assert plans[4].settings.focus == "what, and why?"
    assert {plan.settings.frames for plan in plans} == {3}


@pytest.mark.parametrize(
    "arm",
    [
        "k: api_key=secret, base_url=http://me:secret@x/v1",
        "api_key=secret",
        "reconciler_api_key=secret, base_url=http://me:secret@x/v1",
    ],
)
def test_a_key_is_never_written_down(arm: str) -> None:
    [*_, plan] = plan_arms((arm,), Settings())
    assert "secret" not in f"{plan.name} {plan.differs}"


class Page(HTMLParser):
    """What a page holds: its tags, and its addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.addresses += [found[name] or "" for name in ("href", "src") if name in found]
        self.ids += [found["id"] or ""] if "id" in found else []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


HOSTILE = "<script>alert('x')</script> [P1] {{title}} &lt; \"'><img src=http://x> \u202e"


def make_comparison(text: str, name: str = "v.mp4") -> Comparison:
    """Two arms of a video of that name, in which everything says the text."""
    said = Sentence(text, (1, 2), support="unsupported", why=text)
    result = make_result([text, text, ""], sentences=(said,))
    video = Video(Path(name), "ab", 18, 18)
    arms = tuple(
        Arm(who, (("flow", "independent"), ("focus", text)), result, 1.0,
            tuple((s, Cost(1, 100, 5, 0.1)) for s in ("describe", "reconcile", "check")),
            10, 1.0, 1.0, 1, 1)
        for who in ("independent", "b")
    )  # fmt: skip
    worths = (weigh("b", INPUT.name, [1.0, -2.0, 3.0]), weigh("b", WORDS.name, [0.0]))
    return Comparison(video, arms, worths, Path("out"))


def test_the_page_stands_alone_and_nothing_in_it_is_more_than_text() -> None:
    hostile, tame = (Page(as_page(make_comparison(text))) for text in (HOSTILE, "It rains [P1]."))
    assert hostile.tags == tame.tags
    assert "script" not in hostile.tags
    assert hostile.addresses
    assert {address.removeprefix("#") for address in hostile.addresses} <= {*hostile.ids}
    assert "\u202e" not in "".join(hostile.words)
    named = Page(as_page(make_comparison("It rains [P1].", "<b>{{body}}.mp4")))
    assert named.tags == tame.tags


def test_the_page_shows_what_differs_gaps_and_that_one_video_is_one_video() -> None:
    words = " ".join(Page(as_page(make_comparison("It rains."))).words)
    for said in ("no picture", "One video tells nothing of others", "can't tell", "It rains."):
        assert said in words


def test_gaps_of_an_arm_end_with_their_own_status_and_stand_everywhere(
    twenty: Path, store: Store
) -> None:
    found = compare(twenty, store, make_teller(fails_at="0:04"), chunk_seconds=1.0)
    document = json.loads(comparison_as_json(found))
    assert document["arms"][0]["gaps"] == len(document["arms"][0]["missing"]) > 0
    assert "the model fell over &lt;b&gt;" in Path("out/compare.html").read_text()


def test_arm_whose_engine_fails_is_told_of_and_costs_the_others_nothing(
    twenty: Path, store: Store
) -> None:
    settings = Settings(
        out="out", chunking="fixed", engine="a", reconciler="server:b", speech="off"
    )

    def open_engine(name: str, settings: Settings) -> Engine:
        return make_teller("0:" if name == "broken" else "never", name)

    plans = plan_arms(("c: engine=broken",), settings)
    last = run_to_end(
        compare_arms(twenty, plans, store, Engines(open_engine), lambda seconds: None)
    )
    assert [arm.name for arm in last.arms] == ["independent", "context"]
    assert [name for name, _ in last.failed] == ["c"]
    assert json.loads(comparison_as_json(last))["failed"][0]["name"] == "c"
    assert "c failed: " in Path("out/compare.html").read_text()


def test_command_ends_with_the_status_for_gaps(tmp_path: Path) -> None:
    film = make_video(
        tmp_path / "film.mp4",
        seconds=8,
        rate=4,
        size=(160, 120),
        draw=draw_noisy,
        file_options={"movflags": "faststart"},
    )
    cut(film, 0.7)
    command = ["compare", str(film), "--engine", "fake", "--reconciler", "fake", "--out", "out"]
    assert main([*command, "--chunk-seconds", "1"]) == 3


def test_command_prints_one_document_with_what_scripts_rely_on(
    twenty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compare", str(twenty), "--engine", "fake", "--reconciler", "fake", "--out", "out"]
    command += ["--chunk-seconds", "1", "--speech", "off", "--read-text", "off"]
    assert main([*command, "--arm", "frames=1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(Path("out/compare.json").read_text()) | {"folder": "out"}
    for arm in document["arms"]:
        assert {
            "name", "flow", "settings", "requests", "input_tokens", "output_tokens", "seconds",
            "overhead", "gaps", "unsupported", "summary",
        } <= {*arm}  # fmt: skip
    rows = [*csv.DictReader(Path("out/compare.csv").read_text().splitlines())]
    assert [row["name"] for row in rows] == ["independent", "context", "frames 1"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "context, against independent:" in shown
    table = [line for line in shown.splitlines() if line.startswith("  ")][:6]
    assert len({len(line) for line in table}) == 1


def test_compare_is_the_same_from_python(twenty: Path) -> None:
    found = longtake.compare(
        twenty, ["frames=1"], engine="fake", reconciler="fake", out="out", chunk_seconds=2
    )
    assert len(found.arms) == 3
