"""The engines that settings stand for: who describes, who writes the summary, who judges it."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace

from longtake import actions, engines
from longtake.actions import ActionRecogniser
from longtake.closeable import Closeable
from longtake.embed import bring_embedder
from longtake.engines import (
    AUTO,
    DIGEST,
    ENGINES,
    WORDLESS,
    choose_engine,
    choose_reconciler,
    find_needed_model,
)
from longtake.errors import UsageError
from longtake.inference.engine import SMALL_PARAMETERS, Engine
from longtake.models.fetch import fetch_model
from longtake.models.table import MODELS, FolderModel, Model
from longtake.settings import Settings, list_group

Writer = Engine | str
"""Who writes the summary: an engine, or DIGEST."""
OpenEngine = Callable[[str, Settings], Engine]
OpenRecogniser = Callable[[Settings], ActionRecogniser]
Fetch = Callable[[Model | FolderModel], object]
"""Fetches what of a model is not here."""
Tell = Callable[[str, str, str], None]
"""Told of each that serves: its role, its name, and why it does."""

OF_ENGINES = list_group("engines")


class Engines(Closeable):
    """Opens the engines that settings name, each once for all that want the same.

    What a name asks for and is not here is fetched first. All are closed at the end.
    """

    def __init__(
        self,
        open_engine: OpenEngine = engines.open_engine,
        fetch: Fetch = fetch_model,
        tell: Tell = lambda role, name, why: None,
        open_recogniser: OpenRecogniser = actions.open_recogniser,
    ) -> None:
        self._open_engine, self._fetch, self._tell = open_engine, fetch, tell
        self._open_recogniser = open_recogniser
        self._opened: dict[tuple[object, ...], Engine] = {}
        self._recognisers: dict[tuple[object, ...], ActionRecogniser] = {}
        self._told: set[tuple[str, str, str]] = set()
        self._stack = ExitStack()

    def close(self) -> None:
        """Close all that were opened."""
        self._stack.close()

    def open_describer(self, settings: Settings) -> Engine:
        """Who describes the chunks."""
        engine = self._open(settings.engine, settings)
        self._say("describer", engine.name, engine.why)
        return engine

    def open_writer(
        self, settings: Settings, describer: Engine | None, role: str = "summary by"
    ) -> tuple[Writer, Engine | None]:
        """Who writes the summary, perhaps the describer, and the judge that is named beside it.

        `role` is what it is told as: the same writes answers.
        """
        name, why = name_writer(settings, describer)
        writer: Writer = DIGEST
        if name == DIGEST:
            bring_embedder(settings, self._fetch)
        elif describer and name == describer.name:
            writer = describer
        else:
            _check_writer(name)
            writer = self._open(name, settings.for_reconciler())
        check_reads(writer)
        self._say(role, name, why)
        other = name_other_judge(settings, name)
        other_judge = self._open(other, settings.for_reconciler()) if other else None
        judge = choose_judge(settings, writer, other_judge)
        if judge or name != DIGEST:
            self._say("judge", *say_judge(judge, settings))
        return writer, other_judge

    def open_recogniser(self, settings: Settings) -> ActionRecogniser | None:
        """Who names what is done in the chunks; None where nobody shall."""
        if settings.actions == "off":
            return None
        key = (settings.actions, *(getattr(settings, setting) for setting in OF_ENGINES))
        if key not in self._recognisers:
            opened = self._open_recogniser(settings)
            self._recognisers[key] = self._stack.enter_context(opened)
        self._say("actions", self._recognisers[key].name, "as --actions says")
        return self._recognisers[key]

    def open_looker(self, settings: Settings) -> Engine | None:
        """Who looks again at frames in answer to a question, loaded; None where nobody can."""
        name = name_looker(settings)
        if not name:
            return None
        looker = self._open(name, settings)
        looker.load()
        able = looker.capabilities
        return looker if able.text and able.images != 0 else None

    def _open(self, name: str, settings: Settings) -> Engine:
        key = (name, *(getattr(settings, setting) for setting in OF_ENGINES))
        if key not in self._opened:
            if model := find_needed_model(name):
                self._fetch(model)
            self._opened[key] = self._stack.enter_context(self._open_engine(name, settings))
        return self._opened[key]

    def _say(self, role: str, name: str, why: str) -> None:
        """Report who serves in a role, once."""
        if (role, name, why) not in self._told:
            self._told.add((role, name, why))
            self._tell(role, name, why)


def name_writer(settings: Settings, describer: Engine | None) -> tuple[str, str]:
    """Who writes the summary, and why: an engine's name, perhaps the describer's, or DIGEST."""
    if settings.reconciler == AUTO:
        return choose_reconciler(describer)
    return settings.reconciler, "as --reconciler says"


def name_answerer(settings: Settings) -> Settings:
    """The settings of a question: who describes writes the answer too, where none is named.

    So one model is loaded, not two.
    """
    engine = choose_engine()[0] if settings.engine == AUTO else settings.engine
    if settings.reconciler == AUTO and may_write(engine):
        return replace(settings, reconciler=engine)
    return settings


def may_write(engine: str) -> bool:
    """Whether an engine of that name reads and writes text, as far as that is known of it."""
    if engine.partition(":")[0] in WORDLESS:
        return False
    with suppress(UsageError):  # what is wrong with its name, the run says
        model = find_needed_model(engine)
        return model is None or model.parameters >= SMALL_PARAMETERS
    return True


def name_looker(settings: Settings) -> str:
    """Who looks again at frames, by the engine's name; empty where nobody can or shall.

    A small model sees what is not there: it is only asked where it is named. Whoever wants no
    model to write, and names none to see, wants none.
    """
    name = settings.engine if settings.looks else ""
    if name == AUTO:
        name = choose_engine()[0] if settings.reconciler != DIGEST else ""
        return name if may_write(name) else ""
    return "" if name.partition(":")[0] in WORDLESS else name


def check_reads(writer: Writer) -> None:
    """UsageError where it is an engine that reads no text."""
    if isinstance(writer, Engine) and not writer.capabilities.text:
        raise UsageError(
            f"the engine {writer.name!r} only looks at frames, so it can't summarise",
            "Name one that reads text with --reconciler; see `longtake engines`.",
        )


def name_other_judge(settings: Settings, writer: str) -> str:
    """The judge that has to be opened beside the writer of that name; empty where there is none.

    What a digest quotes needs none.
    """
    return "" if writer == DIGEST or settings.judge in ("auto", "off", writer) else settings.judge


def choose_judge(
    settings: Settings, writer: Writer, other_judge: Engine | None = None
) -> Engine | None:
    """The engine that is asked whether a sentence holds; None: the words alone tell."""
    chosen = other_judge or writer
    kind = settings.judge.partition(":")[0]
    if kind not in (AUTO, "off", *ENGINES):
        raise UsageError(f"there is no judge {kind!r}", f"Known: auto, off, {', '.join(ENGINES)}.")
    if settings.judge == "off" or not isinstance(chosen, Engine):
        return None
    if settings.judge == "auto" and chosen.capabilities.small:
        return None
    if not chosen.capabilities.text:
        raise UsageError(
            f"the engine {chosen.name!r} only looks at frames, so it can't judge sentences",
            "Name one that reads text with --judge; see `longtake engines`.",
        )
    return chosen


def say_judge(engine: Engine | None, settings: Settings) -> tuple[str, str]:
    """Who holds the sentences against their descriptions, and why, for a run's first lines."""
    if engine:
        return engine.name, "asked about what the words can't settle, once a trial has shown it fit"
    if settings.judge == "off":
        return "none", "--judge off: the words alone are compared"
    return "none", "the reconciler's model is too small to judge: the words alone are compared"


def _check_writer(name: str) -> None:
    """UsageError where no engine has that name."""
    kind = name.partition(":")[0]
    if kind not in (*ENGINES, *MODELS):
        known = ", ".join((AUTO, DIGEST, *ENGINES))
        raise UsageError(f"there is no reconciler {kind!r}", f"Known: {known}.")
