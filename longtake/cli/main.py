"""The command line: flags in, one pipeline run, text or one JSON document out. Holds no logic."""

import argparse
import dataclasses
import errno
import io
import json
import logging
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.errors import LongtakeError, UsageError
from longtake.settings import Settings, load_settings
from longtake.text.safe import one_line
from longtake.version import __version__

if TYPE_CHECKING:
    from longtake.engines import Engine
    from longtake.models.table import Asset, FolderModel, Model
    from longtake.pipeline.summary import Writer
    from longtake.records import Progress, Result

EXIT_GAPS = 3
EXIT_INTERRUPTED = 130

RECONCILE_SETTINGS = (
    "reconciler", "length", "language", "focus", "judge", "strict", "at_once", "out", "base_url",
    "api_key", "reconciler_base_url", "reconciler_api_key", "ollama_url", "context_tokens",
    "quantize", "device", "timeout_seconds",
)  # fmt: skip

IN_BYTES = ("read", "load")
"""Stages that count bytes."""

LINK_SETTINGS = (
    "max_duration", "max_bytes", "cache_bytes", "allow_private_addresses", "cookies",
)  # fmt: skip
RUN_SETTINGS = tuple(
    spec.name for spec in dataclasses.fields(Settings) if not spec.name.startswith("page_")
)

EPILOG = """\
exit status: 0 done, 2 bad usage or bad input, 3 finished with gaps, 4 an engine or a source can't
be reached, 1 a bug. Every setting can also stand in LONGTAKE_HOME/settings.toml (LONGTAKE_HOME is
~/.longtake unless set), or in the environment as LONGTAKE_<NAME>.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    _prepare_streams()
    _show_notes()
    options = make_parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
        return status
    except LongtakeError as error:
        print(f"error: {one_line(error.message)}", file=sys.stderr)
        if error.hint:
            print(f"hint: {one_line(error.hint)}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("\nstopped; run it again to go on: answers so far are kept", file=sys.stderr)
        # Threads may still wait for an engine; nothing is lost with them.
        os._exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print("error: standard output takes no more: no room is left there", file=sys.stderr)
        return 2


def _prepare_streams() -> None:
    """Streams that are closed swallow what they get; letters that one can't show become `?`."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - for the whole process
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


class _Notes(logging.Handler):
    """What Longtake has to say while it works, a line each on standard error as it is then."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"note: {one_line(record.getMessage())}", file=sys.stderr)


def _show_notes() -> None:
    log = logging.getLogger("longtake")
    log.setLevel(logging.INFO)
    log.handlers = [_Notes()]


def make_parser() -> argparse.ArgumentParser:
    """All commands and flags; those of a run are derived from Settings."""
    parser = argparse.ArgumentParser(
        prog="longtake",
        allow_abbrev=False,
        description="Turn a video into descriptions of its chunks and a summary that cites them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"longtake {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    summarize = commands.add_parser(
        "summarize", help="describe a video and summarise it", allow_abbrev=False
    )
    summarize.set_defaults(command=run_video, summarized=True)
    describe = commands.add_parser(
        "describe", help="only describe it, chunk by chunk", allow_abbrev=False
    )
    describe.set_defaults(command=run_video, summarized=False)
    for command in (summarize, describe):
        _add_source(command)
        command.add_argument(
            "--playlist",
            action="store_true",
            help="the link is a playlist, or stands in one: every video of it, one after the other",
        )
        command.add_argument("--json", action="store_true", help="print one JSON document")
        _add_settings(command)
    _add_reconcile(commands)
    _add_compare(commands)
    scan = commands.add_parser(
        "scan", help="show its shots, chunks and motion; no model is asked", allow_abbrev=False
    )
    scan.set_defaults(command=scan_video)
    _add_source(scan)
    scan.add_argument(
        "--json", action="store_true", help="print one JSON document; pictures only with --out"
    )
    _add_settings(scan, ("chunking", "chunk_seconds", "out", *LINK_SETTINGS))
    transcript = commands.add_parser(
        "transcript", help="write what is said in it as .srt, .vtt and .txt", allow_abbrev=False
    )
    transcript.set_defaults(command=write_transcript)
    _add_source(transcript)
    transcript.add_argument("--json", action="store_true", help="print one JSON document")
    _add_settings(transcript, ("speech", "subtitles", "device", "out", *LINK_SETTINGS))
    _add_app(commands)
    engines = commands.add_parser("engines", help="list the engines")
    engines.set_defaults(command=list_engines)
    _add_models(commands.add_parser("models", help="list, fetch and remove models"))
    doctor = commands.add_parser("doctor", help="say what is here, and what would run well on it")
    doctor.set_defaults(command=say_diagnosis)
    doctor.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="the video: a file, or a link to one")


def _add_settings(
    parser: argparse.ArgumentParser,
    names: Sequence[str] = (),
    helps: Mapping[str, str] = types.MappingProxyType({}),
) -> None:
    """A flag for each setting of a run, or for these; `helps` holds what differs from theirs."""
    group = parser.add_argument_group("settings")
    for spec in dataclasses.fields(Settings):
        if spec.name not in (names or RUN_SETTINGS):
            continue
        if isinstance(spec.default, bool):
            group.add_argument(
                "--" + spec.name.replace("_", "-"),
                dest=f"setting_{spec.name}",
                action=argparse.BooleanOptionalAction,
                help=spec.metadata["help"],
            )
            continue
        shown = "" if spec.default in ("", 0) else f" (default: {spec.default})"
        group.add_argument(
            "--" + spec.name.replace("_", "-"),
            dest=f"setting_{spec.name}",
            type=type(spec.default),
            choices=spec.metadata["choices"] or None,
            metavar=spec.metadata["metavar"] or (None if spec.metadata["choices"] else "VALUE"),
            help=helps.get(spec.name, spec.metadata["help"]) + shown,
        )


def _add_reconcile(commands: Any) -> None:
    reconcile = commands.add_parser(
        "reconcile",
        help="summarise anew from a (perhaps edited) descriptions.csv; no video is read",
        allow_abbrev=False,
    )
    reconcile.set_defaults(command=reconcile_table)
    reconcile.add_argument("source", metavar="CSV", help="the descriptions")
    reconcile.add_argument("--json", action="store_true", help="print one JSON document")
    where = {"out": "folder for the results (default: the one that the CSV is in)"}
    _add_settings(reconcile, RECONCILE_SETTINGS, where)


def _add_compare(commands: Any) -> None:
    compare = commands.add_parser(
        "compare",
        help="describe and summarise it in both flows, and say what the difference is worth",
        allow_abbrev=False,
    )
    compare.set_defaults(command=compare_arms)
    _add_source(compare)
    compare.add_argument(
        "--arm",
        action="append",
        default=[],
        metavar='"NAME: KEY=VALUE, …"',
        help="one more way: settings that differ, such as chunk_seconds=12 (may be given again)",
    )
    compare.add_argument("--json", action="store_true", help="print one JSON document")
    _add_settings(compare, [name for name in RUN_SETTINGS if name not in ("flow", "context")])


def _add_app(commands: Any) -> None:
    app = commands.add_parser(
        "app",
        help="serve the page: paste a link, watch it being understood, take the summary",
        allow_abbrev=False,
    )
    app.set_defaults(command=serve_page)
    app.add_argument(
        "--address", default="127.0.0.1", help="where to listen (default: 127.0.0.1, this machine)"
    )
    app.add_argument("--port", type=int, default=8501, help="default: 8501")
    settings = [spec.name for spec in dataclasses.fields(Settings) if spec.name != "out"]
    _add_settings(app, settings)


def _add_models(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    actions.add_parser("list", help="all that can be fetched").set_defaults(command=list_models)
    for name, command, words in (
        ("pull", pull_model, "fetch a model into the cache, and check it"),
        ("path", print_path, "print where its file lies"),
        ("remove", remove_model, "delete it from the cache"),
    ):
        action = actions.add_parser(name, help=words)
        action.add_argument("model", metavar="MODEL")
        action.set_defaults(command=command)


def run_video(options: argparse.Namespace) -> int:
    """`summarize` and `describe`."""
    from longtake.engines import open_engine
    from longtake.pipeline.run import run
    from longtake.pipeline.sources import check_source
    from longtake.store import Store, store_path

    settings = _read_settings(options)
    check_source(options.source)
    fetch_missing(settings.engine)
    with ExitStack() as opened:
        describer = opened.enter_context(open_engine(settings.engine, settings))
        _tell("describer", describer.name, describer.why)
        reconciler = other_judge = None
        if options.summarized:
            reconciler, other_judge = _open_writer(opened, settings, describer)
        store = opened.enter_context(Store(store_path()))

        def go(source: str, settings: Settings) -> "Progress":
            steps = run(source, settings, store, describer, reconciler, other_judge=other_judge)
            return show_progress(steps)

        if options.playlist:
            return _run_playlist(options, settings, go)
        last = go(options.source, settings)
    return _show_result(options, last, descriptions=not options.summarized)


def _run_playlist(
    options: argparse.Namespace, settings: Settings, go: "Callable[[str, Settings], Progress]"
) -> int:
    """Each video of a playlist; one that can't be had is told of, and the next one goes on."""
    from longtake.errors import LinkError, SourceError
    from longtake.links.fetch import list_entries
    from longtake.report.terminal import safe_line, say_result

    entries = list_entries(options.source, settings)
    results: list[Result] = []
    failed: list[tuple[str, str, LongtakeError]] = []
    for number, entry in enumerate(entries, 1):
        print(one_line(f"{number} of {len(entries)}: {entry.title}"), file=sys.stderr)
        out = str(Path(settings.out) / f"{number:03}") if settings.out else ""
        try:
            last = go(entry.link, dataclasses.replace(settings, out=out))
        except (LinkError, SourceError) as error:
            print(one_line(f"error: {error.message}"), file=sys.stderr)
            failed.append((entry.link, entry.title, error))
            continue
        assert last.result
        results.append(last.result)
        if not options.json:
            print(f"{safe_line(entry.title)}\n\n{say_result(last.result)}")
    if failed and not results:
        raise failed[0][2]
    if options.json:
        _print_playlist(results, failed, descriptions=not options.summarized)
    return EXIT_GAPS if failed or any(result.ledger.gaps for result in results) else 0


def _print_playlist(
    results: "Sequence[Result]",
    failed: Sequence[tuple[str, str, LongtakeError]],
    *,
    descriptions: bool,
) -> None:
    from longtake.report import as_json

    videos = [json.loads(as_json(result, descriptions=descriptions)) for result in results]
    lost = [
        {"source": link, "title": title, "error": error.message, "hint": error.hint}
        for link, title, error in failed
    ]
    print(json.dumps({"videos": videos, "failed": lost}, indent=2))


def serve_page(options: argparse.Namespace) -> int:
    """`app`."""
    from longtake.web import serve

    _read_settings(options)
    for name, value in _given_settings(options).items():
        os.environ[f"LONGTAKE_{name.upper()}"] = str(value)
    serve(options.address, options.port)
    return 0


def _open_writer(
    opened: ExitStack, settings: Settings, describer: "Engine | None"
) -> "tuple[Writer, Engine | None]":
    """Who writes the summary, and the judge that is named beside it, said and ready to answer."""
    from longtake.embed import bring_embedder
    from longtake.engines import DIGEST
    from longtake.pipeline.summary import (
        check_reads,
        choose_judge,
        name_other_judge,
        name_writer,
        open_judge,
        open_writer,
        say_judge,
    )

    name, why = name_writer(settings, describer)
    if name == DIGEST:
        bring_embedder(settings, _fetch_missing_files)
    fetch_missing(name)
    writer = opened.enter_context(open_writer(name, settings, describer))
    check_reads(writer)
    _tell("summary by", name, why)
    fetch_missing(name_other_judge(settings, name))
    other_judge = opened.enter_context(open_judge(settings, name))
    judge = choose_judge(settings, writer, other_judge)
    if judge or name != DIGEST:
        _tell("judge", *say_judge(judge, settings))
    return writer, other_judge


def _show_result(
    options: argparse.Namespace, last: "Progress", *, descriptions: bool = False
) -> int:
    """The result on standard output, as text or as one document; the exit status."""
    from longtake.report import as_json
    from longtake.report.terminal import say_result

    assert last.result
    if options.json:
        print(as_json(last.result, descriptions=descriptions, ascii_only=True), end="")
    else:
        print(say_result(last.result), end="")
    return EXIT_GAPS if last.result.ledger.gaps else 0


def reconcile_table(options: argparse.Namespace) -> int:
    """`reconcile`."""
    from longtake.pipeline.run import reconcile_file
    from longtake.store import Store, store_path
    from longtake.video.source import check_file

    settings = _read_settings(options)
    check_file(options.source, "descriptions.csv")
    with ExitStack() as opened:
        reconciler, other_judge = _open_writer(opened, settings, None)
        store = opened.enter_context(Store(store_path()))
        last = show_progress(
            reconcile_file(options.source, settings, store, reconciler, other_judge)
        )
    return _show_result(options, last)


def compare_arms(options: argparse.Namespace) -> int:
    """`compare`."""
    from longtake.embed import bring_embedder
    from longtake.engines import AUTO, DIGEST, open_engine
    from longtake.pipeline.compare import compare, plan_arms
    from longtake.pipeline.sources import check_source
    from longtake.report.compare import comparison_as_json, say_comparison
    from longtake.store import Store, store_path

    def open_and_tell(name: str, settings: Settings) -> "Engine":
        fetch_missing(name)
        engine = open_engine(name, settings)
        _tell("engine", engine.name, engine.why)
        return engine

    check_source(options.source)
    settings = _read_settings(options)
    plans = plan_arms(options.arm, settings)
    if settings.reconciler in (AUTO, DIGEST):
        bring_embedder(settings, _fetch_missing_files)
    with Store(store_path()) as store:
        last = show_progress(compare(options.source, plans, store, open_and_tell))
    found = last.comparison
    assert found
    if options.json:
        print(comparison_as_json(found, ascii_only=True), end="")
    else:
        print("\n".join(say_comparison(found)))
    gaps = found.failed or any(arm.result.ledger.gaps for arm in found.arms)
    return EXIT_GAPS if gaps else 0


def _read_settings(options: argparse.Namespace) -> Settings:
    return load_settings(_given_settings(options))


def _given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Those that stand on the command line, by name."""
    return {
        name.removeprefix("setting_"): value
        for name, value in vars(options).items()
        if name.startswith("setting_") and value is not None
    }


def scan_video(options: argparse.Namespace) -> int:
    """`scan`."""
    from longtake.pipeline.run import scan_video as overlook
    from longtake.report import overview_as_json
    from longtake.report.terminal import say_overview
    from longtake.store import Store, store_path

    settings = _read_settings(options)
    with Store(store_path()) as store:
        draw = bool(settings.out) or not options.json
        last = show_progress(overlook(options.source, settings, store, draw))
    assert last.overview
    print(overview_as_json(last.overview) if options.json else say_overview(last.overview), end="")
    return EXIT_GAPS if any(chunk.missing for chunk in last.overview.chunks) else 0


def write_transcript(options: argparse.Namespace) -> int:
    """`transcript`: the text on standard output, all else on standard error."""
    from longtake.pipeline.run import transcribe
    from longtake.report import transcript_as_json
    from longtake.report.terminal import safe_line
    from longtake.report.transcript import as_text
    from longtake.store import Store, store_path

    settings = _read_settings(options)
    with Store(store_path()) as store:
        last = show_progress(transcribe(options.source, settings, store))
    transcript = last.transcript
    assert transcript
    for said in (transcript.source, transcript.remark, *map(str, last.files)):
        if said:
            print(f"note: {one_line(said)}", file=sys.stderr)
    if options.json:
        print(transcript_as_json(transcript), end="")
    else:
        print("".join(f"{safe_line(line)}\n" for line in as_text(transcript).splitlines()), end="")
    return 0


def _tell(role: str, name: str, why: str) -> None:
    print(one_line(f"{role}: {name} ({why})"), file=sys.stderr)


def show_progress(steps: "Iterator[Progress]") -> "Progress":
    """Iterate to the end, with a bar where standard output is a terminal; the last step."""
    last = None
    with open_bar() as advance:
        for last in steps:
            advance(last)
    assert last
    return last


@contextmanager
def open_bar() -> "Iterator[Any]":
    """What takes each Progress: a bar on standard error, or nothing at all."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield lambda step: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.fields[stage]:>10}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bars(bars)


class _Bars:
    """One bar a stage; a description shows as it arrives."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def __call__(self, step: "Progress") -> None:
        if step.stage == "done":
            return
        if step.stage not in self._tasks:
            self._tasks[step.stage] = self._bars.add_task(
                "", stage=step.stage, note="", count="", total=step.total
            )
        task = self._tasks[step.stage]
        note = step.note
        if step.description:
            found = step.description
            note = f"{found.chunk.span} {found.text or found.error}"
        fields = {"note": one_line(note)[:60]} if note else {}
        self._bars.update(task, completed=step.done, total=step.total, **fields)
        if not step.stage.endswith(IN_BYTES):
            speed = self._bars.tasks[task].speed
            rate = f", {speed * 60:.0f} a minute" if speed else ""
            self._bars.update(task, count=f"{step.done}/{step.total}{rate}")


def list_engines(options: argparse.Namespace) -> int:
    """`engines`."""
    from longtake.engines import AUTO, ENGINES, choose_engine

    chosen, why = choose_engine()
    print(f"{AUTO:12} the default: {chosen} here now; {why}")
    for name, about in ENGINES.items():
        print(f"{name:12} {about}")
    return 0


def say_diagnosis(options: argparse.Namespace) -> int:
    """`doctor`."""
    from longtake.doctor.inspect import inspect
    from longtake.doctor.report import as_values, say

    settings = _read_settings(options)
    findings = inspect(settings)
    if options.json:
        print(json.dumps(as_values(findings, settings.chunk_seconds), indent=1))
    else:
        print(say(findings, settings.chunk_seconds), end="")
    return 0


def list_models(options: argparse.Namespace) -> int:
    """`models list`."""
    from longtake.models.table import ALL_MODELS, is_model_here

    for model in ALL_MODELS.values():
        here = "here" if is_model_here(model) else "not here"
        print(f"{model.name}  {model.bytes / 2**20:.0f} MiB  {model.licence}  {here}")
        print(f"    {model.about}")
        for asset in model.files:
            print(f"    {asset.file}  {max(1, round(asset.bytes / 2**20))} MiB")
            print(f"        from: {'; or '.join(str(source) for source in asset.sources)}")
            print(f"        sha256: {asset.sha256}")
    return 0


def pull_model(options: argparse.Namespace) -> int:
    """`models pull`."""
    from longtake.models.table import find_any_model, list_downloads, model_path

    model = find_any_model(options.model)
    for wanted in list_downloads(model):
        fetch_assets(wanted)
    print(model_path(model))
    return 0


def print_path(options: argparse.Namespace) -> int:
    """`models path`."""
    from longtake.models.table import find_any_model, is_model_here, model_path

    model = find_any_model(options.model)
    if not is_model_here(model):
        raise UsageError(
            f"the model {model.name} is not here", f"Fetch it: longtake models pull {model.name}"
        )
    print(model_path(model))
    return 0


def remove_model(options: argparse.Namespace) -> int:
    """`models remove`."""
    from longtake.models import table

    removed = table.remove_model(table.find_any_model(options.model))
    print(f"{options.model}: {'removed' if removed else 'was not here'}")
    return 0


def fetch_missing(engine: str) -> None:
    """Fetch what an engine's name asks for and is not here, so that the wait is seen."""
    from longtake.engines import find_needed_model

    if model := find_needed_model(engine):
        _fetch_missing_files(model)


def _fetch_missing_files(model: "Model | FolderModel") -> None:
    from longtake.models.table import is_here, list_downloads

    for files in list_downloads(model):
        if missing := {path: asset for path, asset in files.items() if not is_here(asset, path)}:
            fetch_assets(missing)


def fetch_assets(wanted: "Mapping[Path, Asset]") -> None:
    """Fetch with a bar where standard error is a terminal, with a line there else."""
    from longtake.models.table import fetch_all, is_here

    first = next(iter(wanted.values()))
    missing = sum(asset.bytes for path, asset in wanted.items() if not is_here(asset, path))
    if missing:
        size = f"{missing / 2**20:.1f} MiB"
        print(f"fetching {first.name} ({size}, {first.licence})", file=sys.stderr)
    with open_download_bar(first.name) as tell:
        fetch_all(wanted, tell)


@contextmanager
def open_download_bar(name: str) -> "Iterator[Any]":
    """What takes bytes fetched and bytes in all."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(name, total=None, visible=False)
        yield lambda done, total: bars.update(task, completed=done, total=total, visible=True)


def start() -> None:
    """The program `longtake`: `main`, and the end of the process."""
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.daemon for thread in threading.enumerate()):
        # A thread that is inside a model when Python ends takes the process down with a crash.
        os._exit(status)
    sys.exit(status)
