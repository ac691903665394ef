"""docs/reference.md from the code: every command with its flags, every setting.

`python -m scripts.write_reference` writes it; a test fails where it is stale.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from longtake.cli.parser import make_parser
from longtake.settings import Settings

FILE = Path(__file__).parents[1] / "docs" / "reference.md"
HEAD = """\
# Reference: commands and settings

Written from the code by `make reference`; a test fails where it is stale. `longtake COMMAND --help`
says the same.

A setting is taken from the first of: its flag; the environment, as `LONGTAKE_` and its name in
capitals; its line in `LONGTAKE_HOME/settings.toml`, named as in the table of settings; its default.
`LONGTAKE_HOME` is `~/.longtake` unless set.
"""
SETTING = "setting_"
"""What the parser puts before the names of settings."""


def reference() -> str:
    """The whole page, as Markdown."""
    return "\n".join([HEAD, *_say_commands(make_parser()), *_say_settings()])


def _say_commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield "## Commands\n"
    for name, command, about in _list_commands(parser, "longtake"):
        yield f"### {name}\n\n{about}.\n"
        settings = [a for a in command._actions if a.dest.startswith(SETTING)]
        rows = [a for a in command._actions if a.dest != "help" and a not in settings]
        if rows:
            yield "| argument | what it is |\n|---|---|"
            yield from (f"| {_name(action)} | {_cell(action.help or '')} |" for action in rows)
            yield ""
        if settings:
            flags = ", ".join(
                f"`{max(action.option_strings, key=_is_plain)}`" for action in settings
            )
            yield f"Settings: {flags}\n"
    yield f"{_sentence(' '.join((parser.epilog or '').split()))}\n"


def _list_commands(
    parser: argparse.ArgumentParser, path: str
) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Each command that can be run, with those below it."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        about = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            below = list(_list_commands(command, f"{path} {name}"))
            yield from below or [(f"{path} {name}", command, _sentence(about[name]))]


def _say_settings() -> Iterator[str]:
    yield "## Settings\n"
    yield "| setting | default | what it is |\n|---|---|---|"
    for spec in dataclasses.fields(Settings):
        details = spec.metadata
        default = f"`{spec.default}`" if spec.default not in ("", 0) else ""
        about = _sentence(details["help"])
        if details["choices"]:
            about += f": {', '.join(f'`{choice}`' for choice in details['choices'])}"
        if details["environment"]:
            about += f"; also from `{details['environment']}`"
        yield f"| `{spec.name}` | {default} | {_cell(about)} |"
    yield ""


def _name(action: argparse.Action) -> str:
    name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    value = f" {action.metavar or action.dest.upper()}" if action.option_strings else ""
    return f"`{name}{value if action.nargs != 0 else ''}`"


def _is_plain(flag: str) -> bool:
    return not flag.startswith("--no-")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
