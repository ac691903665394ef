"""What can be done with a video: one session for the command line, the page's worker and Python.

It holds the store and the engines; each of its ways to go through a video yields its progress and
returns what came of it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longtake.pipeline.compare import Plan, compare_arms, plan_arms
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.resummarize import reconcile_file
from longtake.pipeline.scan import scan_video
from longtake.pipeline.sources import Source, check_source
from longtake.pipeline.summarize import run
from longtake.pipeline.transcribe import transcribe_video
from longtake.records import Comparison, Found, Overview, Progress, Result, Steps, Transcript
from longtake.settings import OF_RECONCILING, OF_SCAN, OF_TRANSCRIPT, Settings, load_settings
from longtake.store import Store, store_path
from longtake.video.source import check_file

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Session:
    """A store, and engines that are opened as they are needed."""

    store: Store
    engines: Engines

    def summarize(
        self, source: Source, settings: Settings, *, summarized: bool = True
    ) -> Steps[Result]:
        """Describe a video and, unless only descriptions are wanted, summarise it."""
        source = check_source(source)
        describer = self.engines.open_describer(settings)
        writer = other_judge = None
        if summarized:
            writer, other_judge = self.engines.open_writer(settings, describer)
        return (
            yield from run(source, settings, self.store, describer, writer, other_judge=other_judge)
        )

    def reconcile(self, path: str | Path, settings: Settings) -> Steps[Result]:
        """The summary anew from a (perhaps edited) descriptions.csv."""
        check_file(path, "descriptions.csv")
        writer, other_judge = self.engines.open_writer(settings, None)
        return (yield from reconcile_file(path, settings, self.store, writer, other_judge))

    def compare(self, source: Source, plans: Sequence[Plan]) -> Steps[Comparison]:
        """Every arm on the same video, held against the first."""
        return (yield from compare_arms(source, plans, self.store, self.engines))

    def scan(self, source: Source, settings: Settings, *, draw: bool = False) -> Steps[Overview]:
        """What a video looks like, with `draw` pictures of it; no model is asked."""
        return (yield from scan_video(source, settings, self.store, draw))

    def transcribe(self, source: Source, settings: Settings) -> Steps[Transcript]:
        """What is said in a video, written as subtitles."""
        return (yield from transcribe_video(source, settings, self.store))


@contextmanager
def open_session(engines: Engines | None = None) -> Iterator[Session]:
    """A session with the user's store; the engines are closed at the end."""
    engines = engines or Engines()
    with engines, Store(store_path()) as store:
        yield Session(store, engines)


def run_to_end(steps: Steps[Found], on_progress: OnProgress | None = None) -> Found:
    """Run the steps to their end, reporting each; returns what was found."""
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                found: Found = stop.value
                return found
            if on_progress:
                on_progress(step)


def summarize(source: str | Path, on_progress: OnProgress | None = None, **settings: Any) -> Result:
    """Describe and summarise one video; settings by name, as `longtake summarize --help` lists.

    `on_progress` is called with each `Progress`. Raises LongtakeError.
    """
    with open_session() as session:
        return run_to_end(session.summarize(source, load_settings(settings)), on_progress)


def compare(
    source: str | Path,
    arms: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> Comparison:
    """Both flows, and `arms` such as "long: chunk_seconds=12", on one video, as `longtake compare`.

    Settings as for `summarize`; they hold for all arms.
    """
    plans = plan_arms(arms, load_settings(settings))
    with open_session() as session:
        return run_to_end(session.compare(source, plans), on_progress)


def resummarize(path: str | Path, on_progress: OnProgress | None = None, **settings: Any) -> Result:
    """The summary anew from a (perhaps edited) descriptions.csv; settings as for `summarize`.

    What `longtake reconcile` does: no video is read, and no describer asked.
    """
    read = load_settings(settings, used=(*OF_RECONCILING, *settings))
    with open_session() as session:
        return run_to_end(session.reconcile(path, read), on_progress)


def scan(source: str | Path, on_progress: OnProgress | None = None, **settings: Any) -> Overview:
    """The shots, motion and chunks of one video, without a model; settings as for `summarize`."""
    read = load_settings(settings, used=(*OF_SCAN, *settings))
    with open_session() as session:
        return run_to_end(session.scan(source, read), on_progress)


def transcribe(
    source: str | Path, on_progress: OnProgress | None = None, **settings: Any
) -> Transcript:
    """What is said in one video, from its subtitles or its sound; settings as for `summarize`.

    Writes it as .srt, .vtt and .txt into `out`, as `longtake transcript` does.
    """
    read = load_settings(settings, used=(*OF_TRANSCRIPT, *settings))
    with open_session() as session:
        return run_to_end(session.transcribe(source, read), on_progress)
