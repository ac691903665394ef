"""The kit with an engine that sees frames perfectly: what it measures is what frames leave."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from longtake.cli.main import main
from longtake.errors import EngineUnreachable, UsageError
from longtake.evaluate.findings import Evaluation, quality
from longtake.evaluate.kit import EvaluationPlan, evaluate_engine, save_best
from longtake.evaluate.score import Score, score_descriptions
from longtake.evaluate.script import Script, write_script
from longtake.evaluate.truth import TrueEvent, write_truth
from longtake.evaluate.write import say_evaluation
from longtake.inference.engine import Engine, Reply, Request
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.session import Session, run_to_end
from longtake.settings import load_settings
from longtake.store import Answer, Store, store_path
from tests.evaluate.observer import Observer, tell
from tests.scripted import ScriptedEngine
from tests.videos import make_video

pytestmark = pytest.mark.slow

GIVEN = {"engine": "scripted", "reconciler": "digest", "judge": "off", "speech": "off",
         "read_text": "off", "embedder": "words", "chunking": "fixed"}  # fmt: skip


def plan_of(folder: Path, **more: object) -> EvaluationPlan:
    settings = load_settings(GIVEN | {"out": str(folder)})
    given = {"levels": "1", "count": 5, **more}
    return EvaluationPlan(settings, folder, **given)  # type: ignore[arg-type]


def run(plan: EvaluationPlan, engine: Engine) -> tuple[Evaluation, list[Path]]:
    plan.folder.mkdir(parents=True, exist_ok=True)
    engines = Engines(open_engine=lambda name, settings: engine)
    with Store(plan.folder / "store.sqlite") as store:
        return run_to_end(evaluate_engine(plan, Session(store, engines)))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[EvaluationPlan, Evaluation]:
    """Five films of level 1, by flow I and II and chunks of three lengths."""
    plan = plan_of(tmp_path_factory.mktemp("evaluation"))
    found, files = run(plan, Observer([write_script(seed, 1) for seed in range(5)]))
    assert [path.name for path in files] == [
        "evaluation.html", "evaluation.csv", "evaluation.json",
    ]  # fmt: skip
    return plan, found


def test_who_sees_each_moment_tells_nearly_all_that_happens() -> None:
    total = Score()
    for seed in range(20):
        script = write_script(seed, 1)
        times = [number / 8 for number in range(round(script.seconds * 8))]
        total += score_descriptions(script.events, [(0, script.seconds, tell(script, times))])
    assert quality(total) > 0.95


def test_fewer_frames_leave_less_to_be_told(measured: tuple[EvaluationPlan, Evaluation]) -> None:
    rows = {row.arm: row for row in measured[1].rows}
    assert rows["2 frames"].quality < rows["8 frames"].quality
    assert rows["8 frames"].more_interval and rows["8 frames"].more > 0
    assert rows["2 frames"].seconds_a_minute < rows["8 frames"].seconds_a_minute
    assert rows["24 s"].descriptions.recall < rows["3 s"].descriptions.recall


def test_arm_that_suits_is_named_and_kept(
    measured: tuple[EvaluationPlan, Evaluation],
) -> None:
    plan, found = measured
    assert found.best in {row.arm for row in found.rows} and found.why
    file = save_best(plan, found.best)
    arm = next(arm for arm in plan.arms if arm.name == found.best)
    kept = load_settings()
    assert all(getattr(kept, name) == getattr(arm.settings, name) for name, _ in arm.differs)
    assert file.is_file()


def test_tables_and_page_say_the_same(measured: tuple[EvaluationPlan, Evaluation]) -> None:
    plan, found = measured
    said = json.loads((plan.folder / "evaluation.json").read_text(encoding="utf-8"))
    with (plan.folder / "evaluation.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["arm"] for row in rows] == [row["arm"] for row in said["rows"]]
    assert float(rows[0]["quality"]) == pytest.approx(found.rows[0].quality, abs=1e-4)
    page = (plan.folder / "evaluation.html").read_text(encoding="utf-8")
    assert page.count("<circle") == len(found.rows) and "<script" not in page


def test_what_was_measured_is_not_asked_again(
    measured: tuple[EvaluationPlan, Evaluation],
) -> None:
    plan, before = measured
    engine = Observer([])
    found, _ = run(plan, engine)
    assert engine.asked == []
    assert [row.quality for row in found.rows] == [row.quality for row in before.rows]
    assert found.rows[0].seconds_a_minute == before.rows[0].seconds_a_minute


def test_kit_that_is_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "out", count=1)
    scripts = [write_script(0, 1)]
    stops = Stopping(scripts, 4)
    with pytest.raises(EngineUnreachable):
        run(plan, stops)
    engine = Observer(scripts)
    run(plan, engine)
    whole = Observer(scripts)
    run(plan_of(tmp_path / "other", count=1), whole)
    assert len(engine.asked) == len(whole.asked) - 4


class Stopping(Observer):
    """Is gone after so many answers."""

    def __init__(self, scripts: Sequence[Script], answers: int) -> None:
        super().__init__(scripts)
        self._left = answers

    def answer(self, request: Request) -> Reply:
        if not self._left:
            raise EngineUnreachable("it is gone")
        self._left -= 1
        return super().answer(request)


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("一个红色的圆进来了。", "no event could be read out of any description"),
        ("I can't help with that.", "no event could be read"),
        ("A red circle. A red circle. A red circle.", "no event could be read"),
    ],
)
def test_engine_that_tells_nothing_that_can_be_read_is_told(
    tmp_path: Path, said: str, note: str
) -> None:
    found, _ = run(plan_of(tmp_path, count=1), ScriptedEngine(lambda request: said))
    assert any(note in one for one in found.notes) and not found.best
    assert list(say_evaluation(found))[1].split()[2:4] == ["0.00", "–"]


def test_engine_that_takes_one_image_is_measured(tmp_path: Path) -> None:
    found, _ = run(plan_of(tmp_path, count=1), OneImage([write_script(0, 1)]))
    assert all(not one.error for one in found.measured)


class OneImage(Observer):
    """Takes one frame a request."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        super().__init__(scripts)
        self.capabilities = ScriptedEngine(lambda request: "", images=1).capabilities


def test_films_of_the_user_s_are_measured(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    film = make_video(tmp_path / "mine" / "cat.mp4", seconds=8)
    write_truth(
        film.with_name("cat.truth.csv"),
        [TrueEvent(1, 2, "the cat", "jumps onto", "the table", say="leaps on|hops onto")],
    )
    engine = ScriptedEngine(lambda request: "The cat leaps on the table.")
    found, _ = run(plan_of(tmp_path / "out", films=str(tmp_path / "mine")), engine)
    assert found.rows[0].level == "own" and found.rows[0].descriptions.matched == 1


def test_folder_without_truth_is_told(tmp_path: Path) -> None:
    make_video(tmp_path / "cat.mp4", seconds=1)
    with pytest.raises(UsageError, match="has no film with a truth file"):
        run(plan_of(tmp_path / "out", films=str(tmp_path)), Observer([]))


@pytest.mark.parametrize(
    ("levels", "said"), [("0", "no level 0"), ("x", "no list of numbers"), ("", "no list")]
)
def test_levels_that_are_none_are_told(tmp_path: Path, levels: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run(plan_of(tmp_path, levels=levels), Observer([]))


def test_time_is_told_first_by_what_the_user_s_own_videos_took(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store_path().parent.mkdir()
    with Store(store_path()) as store:
        store.put("a", "describe", Answer("scripted", "A cat.", seconds=60.0))
    caplog.set_level("INFO", "longtake")
    run(plan_of(tmp_path / "out", count=1), Observer([write_script(0, 1)]))
    assert "minutes (earlier chunks took 60.0 s each with scripted)" in caplog.messages[0]


def test_command_measures_and_its_films_are_no_videos_of_the_library(
    capsys: pytest.CaptureFixture[str],
) -> None:
    off = [f"--{name.replace('_', '-')}={value}" for name, value in GIVEN.items()]
    given = ["--engine=fake", "--levels=1", "--count=1", "--out=found", "--save"]
    assert main(["evaluate", *off, *given]) == 0
    shown = capsys.readouterr()
    assert "level  arm" in shown.out and "found/evaluation.html" in shown.out
    assert "the first film will tell how long it takes" in shown.err
    assert "about 1 minute: 1 film by 8 arms" in shown.err
    assert not store_path().exists() and Path("found/store.sqlite").is_file()
