"""All commands and flags; the flags of a run are the settings."""

import argparse
import dataclasses
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from longtake.cli import commands
from longtake.settings import GROUPS, Settings, list_group
from longtake.version import __version__

EPILOG = """\
exit status: 0 done, 2 bad usage or bad input, 3 finished with gaps, 4 an engine or a source can't
be reached, 1 a bug. Every setting can also stand in LONGTAKE_HOME/settings.toml (LONGTAKE_HOME is
~/.longtake unless set), or in the environment as LONGTAKE_<NAME>.
"""
OF_RUN = list_group(*(group for group in GROUPS if group != "page"))
"""All settings but those of the page itself."""
OF_ARMS = ("flow", "context")
"""What the arms of a comparison differ in from the start."""

Commands = Any
"""What argparse gives for adding commands to; its type is private."""


def make_parser() -> argparse.ArgumentParser:
    """All commands, each with the function that runs it as `command`."""
    parser = argparse.ArgumentParser(
        prog="longtake",
        allow_abbrev=False,
        description="Turn a video into descriptions of its chunks and a summary that cites them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"longtake {__version__}")
    added = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_runs(added)
    _add_reconcile(added)
    _add_compare(added)
    _add_scan(added)
    _add_transcript(added)
    _add_app(added)
    _add(added, "engines", commands.list_engines, "list the engines")
    _add_models(added.add_parser("models", help="list, fetch and remove models"))
    doctor = _add(
        added, "doctor", commands.diagnose, "say what is here, and what would run well on it"
    )
    _add_json(doctor)
    return parser


def _add(added: Commands, name: str, command: Any, words: str) -> argparse.ArgumentParser:
    """A command; its flags can't be abbreviated: a new one never changes an old one's meaning."""
    parser: argparse.ArgumentParser = added.add_parser(name, help=words, allow_abbrev=False)
    parser.set_defaults(command=command)
    return parser


def _add_runs(added: Commands) -> None:
    for name, words, summarized in (
        ("summarize", "describe a video and summarise it", True),
        ("describe", "only describe it, chunk by chunk", False),
    ):
        parser = _add(added, name, commands.run_video, words)
        parser.set_defaults(summarized=summarized)
        _add_source(parser)
        parser.add_argument(
            "--playlist",
            action="store_true",
            help="the link is a playlist, or stands in one: every video of it, one after the other",
        )
        _add_json(parser)
        _add_settings(parser, OF_RUN)


def _add_reconcile(added: Commands) -> None:
    parser = _add(
        added,
        "reconcile",
        commands.reconcile_table,
        "summarise anew from a (perhaps edited) descriptions.csv; no video is read",
    )
    parser.add_argument("source", metavar="CSV", help="the descriptions")
    _add_json(parser)
    where = {"out": "folder for the results (default: the one that the CSV is in)"}
    _add_settings(parser, list_group("summary", "engines", "output"), where)


def _add_compare(added: Commands) -> None:
    parser = _add(
        added,
        "compare",
        commands.compare_flows,
        "describe and summarise it in both flows, and say what the difference is worth",
    )
    _add_source(parser)
    parser.add_argument(
        "--arm",
        action="append",
        default=[],
        metavar='"NAME: KEY=VALUE, …"',
        help="one more way: settings that differ, such as chunk_seconds=12 (may be given again)",
    )
    _add_json(parser)
    _add_settings(parser, [name for name in OF_RUN if name not in OF_ARMS])


def _add_scan(added: Commands) -> None:
    parser = _add(
        added, "scan", commands.scan_video, "show its shots, chunks and motion; no model is asked"
    )
    _add_source(parser)
    _add_json(parser, "print one JSON document; pictures only with --out")
    _add_settings(parser, list_group("chunks", "links", "output"))


def _add_transcript(added: Commands) -> None:
    parser = _add(
        added,
        "transcript",
        commands.write_transcript,
        "write what is said in it as .srt, .vtt and .txt",
    )
    _add_source(parser)
    _add_json(parser)
    _add_settings(parser, ("speech", "subtitles", "device", *list_group("links", "output")))


def _add_app(added: Commands) -> None:
    parser = _add(
        added,
        "app",
        commands.serve_page,
        "serve the page: paste a link, watch it being understood, take the summary",
    )
    parser.add_argument(
        "--address", default="127.0.0.1", help="where to listen (default: 127.0.0.1, this machine)"
    )
    parser.add_argument("--port", type=int, default=8501, help="where to listen (default: 8501)")
    _add_settings(parser, list_group(*(group for group in GROUPS if group != "output")))


def _add_models(parser: argparse.ArgumentParser) -> None:
    added = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add(added, "list", commands.list_models, "all that can be fetched")
    for name, command, words in (
        ("pull", commands.pull_model, "fetch a model into the cache, and check it"),
        ("path", commands.print_path, "print where its file lies"),
        ("remove", commands.remove_model, "delete it from the cache"),
    ):
        action = _add(added, name, command, words)
        action.add_argument("model", metavar="MODEL", help="its name, as in `longtake models list`")


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="the video: a file, or a link to one")


def _add_json(parser: argparse.ArgumentParser, words: str = "print one JSON document") -> None:
    parser.add_argument("--json", action="store_true", help=words)


def _add_settings(
    parser: argparse.ArgumentParser,
    names: Collection[str],
    helps: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """A flag for each of these settings, group by group; `helps` holds what differs from theirs."""
    groups: dict[str, Any] = {}
    for spec in dataclasses.fields(Settings):
        if spec.name in names:
            group = spec.metadata["group"]
            if group not in groups:
                groups[group] = parser.add_argument_group(GROUPS[group])
            words = helps.get(spec.name, spec.metadata["help"])
            groups[group].add_argument(
                "--" + spec.name.replace("_", "-"),
                dest=f"setting_{spec.name}",
                **_flag(spec, words),
            )


def _flag(spec: "dataclasses.Field[Any]", words: str) -> dict[str, Any]:
    """How argparse takes a setting: a switch, or a value of its type."""
    if isinstance(spec.default, bool):
        return {"action": argparse.BooleanOptionalAction, "help": words}
    choices = spec.metadata["choices"] or None
    return {
        "type": type(spec.default),
        "choices": choices,
        "metavar": spec.metadata["metavar"] or (None if choices else "VALUE"),
        "help": words + ("" if spec.default in ("", 0) else f" (default: {spec.default})"),
    }
