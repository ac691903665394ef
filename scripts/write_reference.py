"""docs/reference.md from the code: every command with its flags, every setting.

`python -m scripts.write_reference` writes it; a test fails where it is stale.
"""

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from longtake.cli.commands import longtake
from longtake.cli.flags import HELP, Setting
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


def reference() -> str:
    """The whole page, as Markdown."""
    return "\n".join([HEAD, *_say_commands(longtake), *_say_settings()])


def _say_commands(group: click.Group) -> Iterator[str]:
    yield "## Commands\n"
    for name, command in _list_commands(group, "longtake"):
        yield f"### {name}\n\n{_say_about(command)}\n"
        context = click.Context(command, **HELP)
        settings = [p for p in command.params if isinstance(p, Setting)]
        rows = [
            _say_row(param, context)
            for param in command.get_params(context)
            if param not in settings and "--help" not in param.opts
        ]
        if rows:
            yield "| argument | what it is |\n|---|---|"
            yield from rows
            yield ""
        if settings:
            yield f"Settings: {', '.join(f'`{param.opts[0]}`' for param in settings)}\n"
    yield f"{' '.join((group.epilog or '').split())}\n"


def _list_commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Each command that can be run, with those below it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _list_commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _say_about(command: click.Command) -> str:
    """Its help, with lines that belong as they are in a block."""
    blocks = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(
        f"```\n{block[2:].strip()}\n```" if block.startswith("\b") else " ".join(block.split())
        for block in blocks
    )


def _say_row(param: click.Parameter, context: click.Context) -> str:
    name = param.make_metavar(context)
    if isinstance(param, click.Option):
        name = ", ".join(param.opts) + ("" if param.is_flag else f" {name}")
    return f"| `{name}` | {_cell((param.get_help_record(context) or ('', ''))[1])} |"


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


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
