"""What can be done with a video: one session for the command line, the page's worker and Python.

It holds the store and the engines; each of its ways to go through a video yields its progress and
returns what came of it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longtake.embed import open_embedder
from longtake.inference.scheduler import Work
from longtake.library.answer import Earlier
from longtake.library.index import LibraryVideo
from longtake.library.passages import KINDS
from longtake.library.search import MOST_SHOWN, VectorCache, check_query
from longtake.links.addresses import is_link
from longtake.pipeline.ask import Answerers, LibraryAnswer, ask_library
from longtake.pipeline.compare import Plan, compare_arms, plan_arms
from longtake.pipeline.moment import MomentSeen, look_at_moment
from longtake.pipeline.open_engines import Engines, choose_judge, name_answerer
from longtake.pipeline.resummarize import reconcile_file
from longtake.pipeline.scan import scan_video
from longtake.pipeline.search import (
    OpenEmbedder,
    Query,
    SearchResult,
    find_video,
    list_library,
    rebuild_library,
    say_unknown,
    search_library,
)
from longtake.pipeline.sources import Source, check_source
from longtake.pipeline.summarize import Assistants, run
from longtake.pipeline.transcribe import transcribe_video
from longtake.records import Comparison, Found, Overview, Progress, Result, Steps, Transcript
from longtake.settings import OF_RECONCILING, OF_SCAN, OF_TRANSCRIPT, Settings, load_settings
from longtake.store import Store, store_path
from longtake.timecode import Span
from longtake.video.source import check_file

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Session:
    """A store, and engines that are opened as they are needed."""

    store: Store
    engines: Engines
    vectors: VectorCache = field(default_factory=VectorCache)
    open_embedder: OpenEmbedder = open_embedder
    """Opens what compares a query; it is closed after each search."""

    def summarize(
        self, source: Source, settings: Settings, *, summarized: bool = True
    ) -> Steps[Result]:
        """Describe a video and, unless only descriptions are wanted, summarise it."""
        source = check_source(source)
        describer = self.engines.open_describer(settings)
        writer = other_judge = None
        if summarized:
            writer, other_judge = self.engines.open_writer(settings, describer)
        beside = Assistants(other_judge, self.engines.open_recogniser(settings))
        return (yield from run(source, settings, self.store, describer, writer, assistants=beside))

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

    def search(
        self, query: Query, settings: Settings, videos: Sequence[str | LibraryVideo] = ()
    ) -> Steps[SearchResult]:
        """The moments that answer to a query, in all videos or those that are named."""
        check_query(query.text)
        chosen = yield from self.find_videos(videos, settings)
        found = search_library(
            self.store, settings, query, chosen, self.vectors, self.open_embedder
        )
        return (yield from found)

    def ask(
        self,
        question: Query,
        settings: Settings,
        videos: Sequence[str | LibraryVideo] = (),
        earlier: Sequence[Earlier] = (),
        look_seconds: float = float("inf"),
    ) -> Steps[LibraryAnswer]:
        """What all videos, or those that are named, tell in answer to a question.

        `earlier` are the questions that it may follow upon, the newest last. After `look_seconds`
        from now nobody begins to look again at frames.
        """
        check_query(question.text)
        begun = time.monotonic()
        chosen = yield from self.find_videos(videos, settings)
        settings = name_answerer(settings)
        writer, other_judge = self.engines.open_writer(settings, None, "answer by")
        work = Work(settings, self.store, time.sleep, [])
        who = Answerers(
            writer,
            choose_judge(settings, writer, other_judge),
            lambda: self.engines.open_looker(settings),
            lambda: time.monotonic() - begun < look_seconds,
        )
        asked = ask_library(work, question, chosen, self.vectors, who, earlier)
        return (yield from asked)

    def look(
        self, source: Source, span: Span, question: str, settings: Settings
    ) -> Steps[MomentSeen]:
        """The frames of a stretch of a video, and what who sees tells of them; nothing is kept."""
        work = Work(settings, self.store, time.sleep, [])
        steps = look_at_moment(
            work, source, span, question, lambda: self.engines.open_looker(settings)
        )
        return (yield from steps)

    def rebuild_library(self, settings: Settings) -> Steps[None]:
        """The library's indexes anew from what is known of each video."""
        return (yield from rebuild_library(self.store, settings))

    def find_videos(
        self, names: Sequence[str | LibraryVideo], settings: Settings
    ) -> Steps[list[LibraryVideo]]:
        """The videos of the library that are named, or all of them.

        A file or a link that is not there yet is gone through first. UsageError for another name.
        """
        if not names:
            return list_library(self.store)
        found: list[LibraryVideo] = []
        for name in names:
            if isinstance(name, LibraryVideo):
                found.append(name)
                continue
            video = yield from find_video(self.store, name)
            if not video and (is_link(name) or Path(name).is_file()):
                yield from self.summarize(name, settings)
                video = yield from find_video(self.store, name)
            if not video:
                raise say_unknown(self.store, name)
            found.append(video)
        return list(dict.fromkeys(found))


@contextmanager
def open_session(
    engines: Engines | None = None, store_file: Path | None = None
) -> Iterator[Session]:
    """A session with the user's store, or another one; the engines are closed at the end."""
    engines = engines or Engines()
    with engines, Store(store_file or store_path()) as store:
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


def search(
    query: str,
    videos: Sequence[str | Path] = (),
    *,
    kinds: Sequence[str] = KINDS,
    after: float = 0.0,
    before: float = float("inf"),
    most: int = MOST_SHOWN,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> SearchResult:
    """The moments of all videos, or of `videos`, that answer to a query, the best first.

    `kinds` are of "seen", "said", "read", "told" (by the summary) and "action" (named by the model
    of `actions`); `after` and `before` are seconds of each video. Settings as for `summarize`.
    """
    wanted = Query(query, tuple(kinds), after, before, most)
    with open_session() as session:
        steps = session.search(wanted, load_settings(settings), [str(name) for name in videos])
        return run_to_end(steps, on_progress)


def ask(
    question: str,
    videos: Sequence[str | Path] = (),
    *,
    most: int = MOST_SHOWN,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> LibraryAnswer:
    """What all videos, or `videos`, tell in answer to a question, each sentence with its proofs.

    Without a text model, the moments alone. Settings as for `summarize`.
    """
    with open_session() as session:
        steps = session.ask(
            Query(question, most=most), load_settings(settings), [str(name) for name in videos]
        )
        return run_to_end(steps, on_progress)


def transcribe(
    source: str | Path, on_progress: OnProgress | None = None, **settings: Any
) -> Transcript:
    """What is said in one video, from its subtitles or its sound; settings as for `summarize`.

    Writes it as .srt, .vtt and .txt into `out`, as `longtake transcript` does.
    """
    read = load_settings(settings, used=(*OF_TRANSCRIPT, *settings))
    with open_session() as session:
        return run_to_end(session.transcribe(source, read), on_progress)
