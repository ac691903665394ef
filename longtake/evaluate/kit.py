"""The whole of an evaluation: films made or found, each gone through by each arm, and summed up."""

from dataclasses import dataclass
from pathlib import Path

from longtake.errors import UsageError
from longtake.evaluate.findings import Evaluation, sum_up
from longtake.evaluate.plan import OWN, find_films, list_arms, make_films
from longtake.evaluate.run import go_through
from longtake.evaluate.write import write_evaluation
from longtake.pipeline.compare import Plan
from longtake.pipeline.session import Session
from longtake.records import Steps
from longtake.settings import Settings, home_folder, save_settings


@dataclass(frozen=True)
class EvaluationPlan:
    """What is to be measured: by default event films of these levels, else those of a folder.

    `folder` is where films, results and the store of this evaluation are: the films are no videos
    of the user's library.
    """

    settings: Settings
    folder: Path
    levels: str = "1,2,3"
    count: int = 6
    seed: int = 0
    films: str = ""
    more_arms: tuple[str, ...] = ()

    def read_levels(self) -> list[int]:
        """The levels as numbers, each once; UsageError for what is none."""
        try:
            return sorted({int(part) for part in self.levels.split(",")})
        except ValueError:
            raise UsageError(
                f"--levels {self.levels!r} is no list of numbers", "Write 1,2,3."
            ) from None

    @property
    def arms(self) -> tuple[Plan, ...]:
        """The ways that are held against each other, flow I first."""
        levels = [OWN] if self.films else [str(level) for level in self.read_levels()]
        return list_arms(self.settings, levels, self.more_arms)


def evaluate_engine(plan: EvaluationPlan, session: Session) -> Steps[tuple[Evaluation, list[Path]]]:
    """Measure, and write what was found; the same plan again goes on where it was."""
    arms = plan.arms
    describer = session.engines.open_describer(plan.settings)
    if plan.films:
        films = find_films(Path(plan.films))
    else:
        films = yield from make_films(
            plan.folder / "films", plan.read_levels(), plan.count, plan.seed
        )
    measured = yield from go_through(films, arms, session, plan.folder)
    found = sum_up(describer.name, arms, measured)
    return found, write_evaluation(plan.folder, found)


def save_best(plan: EvaluationPlan, best: str) -> Path:
    """Have the settings of an arm be those of every run; the file that they are in."""
    arm = next(arm for arm in plan.arms if arm.name == best)
    file = home_folder() / "settings.toml"
    save_settings(file, {name: getattr(arm.settings, name) for name, _ in arm.differs})
    return file
