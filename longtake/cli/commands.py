"""Each command: settings in, one way through a session, text or one JSON document out.

What is heavy is imported by the command that needs it: help and mistakes are answered at once.
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from longtake.cli.bars import fetch_with_bar, open_bars
from longtake.errors import LinkError, LongtakeError, SourceError, UsageError
from longtake.settings import Settings, load_settings
from longtake.text.untrusted import one_line

if TYPE_CHECKING:
    from longtake.pipeline.session import Session
    from longtake.records import Result, Steps

EXIT_GAPS = 3

Found = TypeVar("Found")


def run_video(options: argparse.Namespace) -> int:
    """`summarize` and `describe`."""
    settings = _read_settings(options)
    with _open_session() as session:
        if options.playlist:
            return _run_playlist(options, settings, session)
        steps = session.summarize(options.source, settings, summarized=options.summarized)
        return _show_result(options, _finish(steps), descriptions=not options.summarized)


def _run_playlist(options: argparse.Namespace, settings: Settings, session: "Session") -> int:
    """Each video of a playlist; one that can't be had is told of, and the next one goes on."""
    from longtake.links.addresses import check_link
    from longtake.links.metadata import list_playlist
    from longtake.report.terminal import safe_line, say_result

    entries = list_playlist(check_link(options.source), settings)
    results: list[Result] = []
    failed: list[tuple[str, str, LongtakeError]] = []
    for number, entry in enumerate(entries, 1):
        print(one_line(f"{number} of {len(entries)}: {entry.title}"), file=sys.stderr)
        out = str(Path(settings.out) / f"{number:03}") if settings.out else ""
        own = dataclasses.replace(settings, out=out)
        try:
            result = _finish(session.summarize(entry.link, own, summarized=options.summarized))
        except (LinkError, SourceError) as error:
            print(one_line(f"error: {error.message}"), file=sys.stderr)
            failed.append((entry.link, entry.title, error))
            continue
        results.append(result)
        if not options.json:
            print(f"{safe_line(entry.title)}\n\n{say_result(result)}")
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


def reconcile_table(options: argparse.Namespace) -> int:
    """`reconcile`."""
    settings = _read_settings(options)
    with _open_session() as session:
        return _show_result(options, _finish(session.reconcile(options.source, settings)))


def compare_flows(options: argparse.Namespace) -> int:
    """`compare`."""
    from longtake.pipeline.compare import plan_arms
    from longtake.report.compare import comparison_as_json, say_comparison

    plans = plan_arms(options.arm, _read_settings(options))
    with _open_session() as session:
        found = _finish(session.compare(options.source, plans))
    if options.json:
        print(comparison_as_json(found, ascii_only=True), end="")
    else:
        print("\n".join(say_comparison(found)))
    gaps = found.failed or any(arm.result.ledger.gaps for arm in found.arms)
    return EXIT_GAPS if gaps else 0


def scan_video(options: argparse.Namespace) -> int:
    """`scan`."""
    from longtake.report import overview_as_json
    from longtake.report.terminal import say_overview

    settings = _read_settings(options)
    draw = bool(settings.out) or not options.json
    with _open_session() as session:
        found = _finish(session.scan(options.source, settings, draw=draw))
    print(overview_as_json(found) if options.json else say_overview(found), end="")
    return EXIT_GAPS if any(chunk.missing for chunk in found.chunks) else 0


def write_transcript(options: argparse.Namespace) -> int:
    """`transcript`: the text on standard output, all else on standard error."""
    from longtake.report import transcript_as_json
    from longtake.report.terminal import safe_line
    from longtake.report.transcript import as_text

    with _open_session() as session:
        transcript = _finish(session.transcribe(options.source, _read_settings(options)))
    for said in (transcript.source, transcript.remark, *map(str, transcript.files)):
        if said:
            print(f"note: {one_line(said)}", file=sys.stderr)
    if options.json:
        print(transcript_as_json(transcript), end="")
    else:
        print("".join(f"{safe_line(line)}\n" for line in as_text(transcript).splitlines()), end="")
    return 0


def serve_page(options: argparse.Namespace) -> int:
    """`app`."""
    from longtake.web import serve

    _read_settings(options)
    for name, value in _given_settings(options).items():
        os.environ[f"LONGTAKE_{name.upper()}"] = str(value)
    serve(options.address, options.port)
    return 0


def list_engines(options: argparse.Namespace) -> int:
    """`engines`."""
    from longtake.engines import AUTO, ENGINES, choose_engine

    chosen, why = choose_engine()
    print(f"{AUTO:12} the default: {chosen} here now; {why}")
    for name, about in ENGINES.items():
        print(f"{name:12} {about}")
    return 0


def diagnose(options: argparse.Namespace) -> int:
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
    from longtake.models.table import find_any_model, model_path

    model = find_any_model(options.model)
    fetch_with_bar(model, check=True)
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


@contextmanager
def _open_session() -> "Iterator[Session]":
    """The user's session; which engines serve, and why, is told on standard error."""
    from longtake.pipeline.open_engines import Engines
    from longtake.pipeline.session import open_session

    with open_session(Engines(fetch=fetch_with_bar, tell=_tell)) as session:
        yield session


def _tell(role: str, name: str, why: str) -> None:
    print(one_line(f"{role}: {name} ({why})"), file=sys.stderr)


def _finish(steps: "Steps[Found]") -> Found:
    """Go on to the end, with bars where a person watches; what came of it."""
    from longtake.pipeline.session import run_to_end

    with open_bars() as advance:
        return run_to_end(steps, advance)


def _read_settings(options: argparse.Namespace) -> Settings:
    return load_settings(_given_settings(options))


def _given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Those that stand on the command line, by name."""
    return {
        name.removeprefix("setting_"): value
        for name, value in vars(options).items()
        if name.startswith("setting_") and value is not None
    }


def _show_result(
    options: argparse.Namespace, result: "Result", *, descriptions: bool = False
) -> int:
    """The result on standard output, as text or as one document; the exit status."""
    from longtake.report import as_json
    from longtake.report.terminal import say_result

    if options.json:
        print(as_json(result, descriptions=descriptions, ascii_only=True), end="")
    else:
        print(say_result(result), end="")
    return EXIT_GAPS if result.ledger.gaps else 0
