"""What flows, chunk lengths and frames leave of a film to be told: `longtake evaluate` by an
observer that sees each frame perfectly, and nothing between two of them.

    python -m benchmarks.understanding [--levels 1,2,3,4] [--count 12] [--out DIR]

The observer is `tests/evaluate/observer.py`: it finds out which film it is shown, looks up who is
where at the times of the frames, and tells what must have happened from one to the next. What it
misses no model that is shown these frames could know.
"""

import argparse
from pathlib import Path

from longtake.evaluate.kit import EvaluationPlan, evaluate_engine
from longtake.evaluate.script import write_script
from longtake.evaluate.write import say_evaluation
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.session import Session, run_to_end
from longtake.settings import load_settings
from longtake.store import Store
from tests.evaluate.observer import Observer

GIVEN = {"engine": "observer", "reconciler": "digest", "judge": "off", "embedder": "words"}


DENSE = (
    "3 s, 4 frames: chunk_seconds=3, frames=4",
    "12 s, 16 frames: chunk_seconds=12, frames=16",
    "24 s, 32 frames: chunk_seconds=24, frames=32",
)
"""As many frames a second as eight in six seconds."""


def main() -> None:
    """Print the table; evaluation.html has the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", default="1,2,3,4")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path(".cache/understanding"))
    given = parser.parse_args()
    settings = load_settings(GIVEN | {"out": str(given.out)})
    plan = EvaluationPlan(settings, given.out, given.levels, given.count, more_arms=DENSE)
    scripts = [
        write_script(seed, level) for level in plan.read_levels() for seed in range(given.count)
    ]
    observer = Observer(scripts)
    given.out.mkdir(parents=True, exist_ok=True)
    with Store(given.out / "store.sqlite") as store:
        session = Session(store, Engines(open_engine=lambda name, settings: observer))
        found, _ = run_to_end(evaluate_engine(plan, session))
    print("\n".join(say_evaluation(found)))


if __name__ == "__main__":
    main()
