"""How much of a run by `sketch` goes into the library's index: the goal is 5 % at most.

    python -m benchmarks.index_share VIDEO [VIDEO…]

Each video is gone through in a process and a store of its own, with the models that are linked into
LONGTAKE_HOME. Indexing is from the passages to the end of their embedding, with the loading of the
embedder, which a summary by `digest` has loaded once before.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from longtake.library import add
from longtake.pipeline import summarize
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.session import Session, run_to_end
from longtake.records import Material, Steps, Summary
from longtake.settings import Settings
from longtake.store import Store


def measure(video: Path) -> str:
    """The row of a video: seconds of the run and of its indexing, the share, and the passages."""
    spent: list[float] = []

    def add_timed(
        store: Store, settings: Settings, material: Material, summary: Summary | None
    ) -> Steps[None]:
        started = time.perf_counter()
        yield from add.add_to_library(store, settings, material, summary)
        spent.append(time.perf_counter() - started)

    setattr(summarize, "add_to_library", add_timed)  # noqa: B010
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(engine="sketch", reconciler="digest", out=str(Path(folder) / "out"))
        with Store(Path(folder) / "store.sqlite") as store, Engines() as engines:
            started = time.perf_counter()
            run_to_end(Session(store, engines).summarize(video, settings))
            whole = time.perf_counter() - started
            ((passages,),) = store.read("SELECT count(*) FROM passages")
            ((vectors,),) = store.read("SELECT count(*) FROM passage_vectors")
    share = f"{sum(spent) / whole:.1%}"
    shown = f"{whole:>8.1f} s{sum(spent):>8.2f} s{share:>8}"
    return f"{video.name:<24}{shown}{passages:>6} passages, vectors of {vectors} videos"


def main() -> None:
    """Measure each video in a process of its own."""
    if len(sys.argv) == 2:
        print(measure(Path(sys.argv[1])))
    for video in sys.argv[1:] if len(sys.argv) > 2 else ():
        subprocess.run([sys.executable, "-m", "benchmarks.index_share", video], check=True)


if __name__ == "__main__":
    main()
