"""Each command: settings in, one way through a session, text or one JSON document out.

What is heavy is imported by the command that needs it: help and mistakes are answered at once.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from longtake.cli import names
from longtake.cli.bars import fetch_with_bar, note
from longtake.cli.batch import batch
from longtake.cli.completion import offer
from longtake.cli.dispatch import Commands
from longtake.cli.evaluate import evaluate
from longtake.cli.flags import HELP, OneOf, take_help_all, take_settings, take_switch
from longtake.cli.front import EXIT_GAPS, Given, open_front, read_settings, show_result
from longtake.cli.library import ask, library, search
from longtake.cli.serving import app, mcp, serve
from longtake.cli.videos import run_videos
from longtake.errors import UsageError
from longtake.settings import (
    OF_DESCRIBING,
    OF_RECONCILING,
    OF_RUN,
    OF_SCAN,
    OF_TRANSCRIPT,
    load_settings,
)
from longtake.version import __version__

EPILOG = """\
Exit status: 0 done, 2 bad usage or bad input, 3 finished with gaps, 4 an engine or a source can't
be reached, 1 a bug. Every setting can also stand in LONGTAKE_HOME/settings.toml (LONGTAKE_HOME is
~/.longtake unless set), or in the environment as LONGTAKE_<NAME>.
"""
OF_ARMS = ("flow", "context")
"""What the arms of a comparison differ in from the start."""
COMPLETE = "_LONGTAKE_COMPLETE"
"""The variable by which a shell asks what would complete a line."""

FILE = offer(files="file")
SOURCE = click.Argument(
    ["source"], metavar="SOURCE", help="a file, or a link to one", shell_complete=FILE
)
SOURCES = click.Argument(
    ["sources"],
    metavar="SOURCE…",
    nargs=-1,
    required=True,
    help="files, folders of videos, patterns such as 'talks/*.mp4', links",
    shell_complete=FILE,
)
MODEL = click.Argument(
    ["model"],
    metavar="MODEL",
    help="as in `longtake models list`",
    shell_complete=offer(names.list_models),
)
JSON = take_switch("--json", "as_json", "print one JSON document")
QUIET = take_switch("-q/--quiet", "quiet", "print nothing but the result and errors")
VERBOSE = take_switch("-v/--verbose", "verbose", "say more of how it was made")
PLAYLIST = take_switch("--playlist", "playlist", "the link is a playlist: every video of it")
OF_VIDEOS = [SOURCES, PLAYLIST, JSON, QUIET, VERBOSE]


@click.group(
    cls=Commands,
    context_settings=HELP,
    epilog=EPILOG,
    invoke_without_command=True,
    subcommand_metavar="COMMAND",
    params=[take_help_all("show all commands with all their settings and exit")],
)
@click.version_option(__version__, "-V", "--version", message="longtake %(version)s")
@click.pass_context
def longtake(context: click.Context) -> None:
    """Turn videos, or links to them, into descriptions and a summary that cites them.

    \b
    longtake talk.mp4
    longtake 'https://www.youtube.com/watch?v=…'
    """  # noqa: D301 - click's mark for lines that are not joined
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@longtake.command(params=[*OF_VIDEOS, *take_settings(OF_RUN)])
def summarize(**options: Any) -> int:
    """Describe videos and summarise each."""
    return run_videos(summarized=True, **options)


@longtake.command(params=[*OF_VIDEOS, *take_settings(OF_DESCRIBING)])
def describe(**options: Any) -> int:
    """Only describe videos, chunk by chunk."""
    return run_videos(summarized=False, **options)


@longtake.command(
    params=[
        click.Argument(["source"], metavar="CSV", help="a descriptions.csv", shell_complete=FILE),
        JSON,
        QUIET,
        VERBOSE,
        *take_settings(
            OF_RECONCILING,
            {"out": "folder for the results (default: the one that the CSV is in)"},
        ),
    ]
)
def reconcile(source: str, as_json: bool, quiet: bool, verbose: bool, given: Given) -> int:
    """Summarise anew from a (perhaps edited) descriptions.csv; no video is read."""
    settings = read_settings(given, quiet=quiet)
    with open_front(quiet=quiet, verbose=verbose) as front:
        result = front.finish(front.session.reconcile(source, settings))
    return show_result(result, as_json=as_json, verbose=verbose)


@longtake.command(
    params=[
        SOURCE,
        click.Option(
            ["arms", "--arm"],
            multiple=True,
            metavar='"NAME: KEY=VALUE, …"',
            help="one more way: settings that differ, as chunk_seconds=12 (may be given again)",
        ),
        JSON,
        QUIET,
        VERBOSE,
        *take_settings([name for name in OF_RUN if name not in OF_ARMS]),
    ]
)
def compare(
    source: str, arms: Sequence[str], as_json: bool, quiet: bool, verbose: bool, given: Given
) -> int:
    """Describe and summarise a video in both flows, and say what the difference is worth."""
    from longtake.pipeline.compare import plan_arms
    from longtake.report.compare import comparison_as_json, say_comparison

    plans = plan_arms(arms, read_settings(given, quiet=quiet))
    with open_front(quiet=quiet, verbose=verbose) as front:
        found = front.finish(front.session.compare(source, plans))
    if as_json:
        print(comparison_as_json(found, ascii_only=True, placed=True), end="")
    else:
        print("\n".join(say_comparison(found)))
    gaps = found.failed or any(arm.result.ledger.gaps for arm in found.arms)
    return EXIT_GAPS if gaps else 0


@longtake.command(params=[SOURCE, JSON, QUIET, *take_settings(OF_SCAN)])
def scan(source: str, as_json: bool, quiet: bool, given: Given) -> int:
    """Show a video's shots, chunks and motion; no model is asked.

    With --json, pictures are drawn only where --out names a folder.
    """
    from longtake.report import overview_as_json
    from longtake.report.terminal import say_overview

    settings = read_settings(given, quiet=quiet)
    draw = bool(settings.out) or not as_json
    with open_front(quiet=quiet) as front:
        found = front.finish(front.session.scan(source, settings, draw=draw))
    print(overview_as_json(found) if as_json else say_overview(found), end="")
    return EXIT_GAPS if any(chunk.missing for chunk in found.chunks) else 0


@longtake.command(params=[SOURCE, JSON, QUIET, *take_settings(OF_TRANSCRIPT)])
def transcript(source: str, as_json: bool, quiet: bool, given: Given) -> int:
    """Write what is said in a video as .srt, .vtt and .txt; the text is printed, too."""
    from longtake.report import transcript_as_json
    from longtake.report.terminal import safe_line, say_place
    from longtake.report.transcript import as_text

    with open_front(quiet=quiet) as front:
        found = front.finish(front.session.transcribe(source, read_settings(given, quiet=quiet)))
    for said in (found.source if not quiet else "", found.remark):  # the remark is the result
        if said:
            note(f"note: {said}")
    if as_json:
        print(transcript_as_json(found), end="")
        return 0
    print(
        "".join(f"{safe_line(line)}\n" for line in as_text(found).splitlines()), end="", flush=True
    )
    for line in say_place(found.files):  # beside the text, which may go through a pipe
        if sys.stdout.isatty():
            print()
        note(line)
    return 0


longtake.add_command(batch)
longtake.add_command(evaluate)
longtake.add_command(search)
longtake.add_command(ask)
longtake.add_command(library)
longtake.add_command(app)
longtake.add_command(serve)
longtake.add_command(mcp)


@longtake.command("engines")
def list_engines() -> int:
    """List the engines that can describe and summarise."""
    from longtake.engines import AUTO, ENGINES, choose_engine

    chosen, why = choose_engine()
    print(f"{AUTO:12} the default: {chosen} here now; {why}")
    for name, about in ENGINES.items():
        print(f"{name:12} {about}")
    return 0


@longtake.command(params=[JSON])
def doctor(as_json: bool) -> int:
    """Say what is here, and what would run well on it."""
    from longtake.doctor.inspect import inspect
    from longtake.doctor.report import as_values, say

    settings = load_settings(used=(), pass_over=lambda wrong: note(f"note: {wrong.message}"))
    findings = inspect(settings)
    if as_json:
        print(json.dumps(as_values(findings, settings.chunk_seconds), indent=1))
    else:
        print(say(findings, settings.chunk_seconds), end="")
    return 0


@longtake.command(params=[click.Argument(["shell"], type=OneOf(("bash", "zsh", "fish")))])
def completion(shell: str) -> int:
    """Print what makes a shell complete commands, flags, values and files.

    \b
    bash: eval "$(longtake completion bash)"            in ~/.bashrc
    zsh:  eval "$(longtake completion zsh)"             in ~/.zshrc
    fish: longtake completion fish | source             in ~/.config/fish/config.fish
    """  # noqa: D301
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found
    print(found(longtake, {}, "longtake", COMPLETE).source())
    return 0


@longtake.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List, fetch and remove models."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@models.command("list")
def list_models() -> int:
    """List all that can be fetched."""
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


@models.command("pull", params=[MODEL])
def pull_model(model: str) -> int:
    """Fetch a model into the cache, and check it."""
    from longtake.models.table import find_any_model, model_path

    found = find_any_model(model)
    fetch_with_bar(found, check=True)
    print(model_path(found))
    return 0


@models.command("path", params=[MODEL])
def print_path(model: str) -> int:
    """Print where a model lies."""
    from longtake.models.table import find_any_model, is_model_here, model_path

    found = find_any_model(model)
    if not is_model_here(found):
        raise UsageError(
            f"the model {found.name} is not here", f"Fetch it: longtake models pull {found.name}"
        )
    print(model_path(found))
    return 0


@models.command("remove", params=[MODEL])
def remove_model(model: str) -> int:
    """Delete a model from the cache."""
    from longtake.models import table

    removed = table.remove_model(table.find_any_model(model))
    print(f"{model}: {'removed' if removed else 'was not here'}")
    return 0
