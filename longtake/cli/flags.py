"""What commands take: settings as flags in groups, words to choose from, and help that shows both.

Builds on click; knows no command.
"""

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import click
from click.shell_completion import CompletionItem

from longtake.cli.blame import explain
from longtake.cli.completion import complete_setting, offer_files
from longtake.errors import LongtakeError, UsageError
from longtake.links.addresses import is_link
from longtake.settings import GROUPS, Settings, find_places, name_flag

HELP: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
FLAG_WIDTH = 34
"""Letters in the help's column of flags."""


class OneOf(click.Choice[str]):
    """One of a few words; another one is answered with the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word; click.BadParameter says what may have been meant."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            near = get_close_matches(str(value), self.choices, 1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise click.BadParameter(error.message + meant, ctx, param) from None


class Setting(click.Option):
    """A flag that is a setting: its value is checked where all settings are."""

    def __init__(self, spec: "dataclasses.Field[Any]", words: str) -> None:
        flag, details = name_flag(spec.name), spec.metadata
        is_switch = isinstance(spec.default, bool)
        default = f" (default: {spec.default})" if spec.default and not is_switch else ""
        super().__init__(
            [f"setting_{spec.name}", f"{flag}/--no-{flag[2:]}" if is_switch else flag],
            type=OneOf(details["choices"]) if details["choices"] else type(spec.default),
            default=None,
            metavar=details["metavar"] or None,
            help=words + default.replace(".0)", ")"),
            shell_complete=complete_setting(spec.name),
        )
        self.setting = spec.name
        self.group = details["group"]
        self.basic = details["basic"]


class Command(click.Command):
    """A command whose settings stand in groups, and come to it as one mapping, `given`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, with the settings that stand on the command line."""
        flags = [p for p in self.params if isinstance(p, Setting)]
        values = {flag.setting: ctx.params.pop(str(flag.name)) for flag in flags}
        given = {n: v for n, v in values.items() if v is not None}
        if flags:
            ctx.params["given"] = given
        try:
            return super().invoke(ctx)
        except LongtakeError as error:
            with suppress(UsageError):  # a settings file that can't be read is the error itself
                explain(error, find_places(given, flag_form=name_flag).values())
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own flags, then its settings, group by group."""
        settings = [p for p in self.params if isinstance(p, Setting)]
        shown = [p for p in settings if p.basic or ctx.meta.get("all")]
        flags = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        own = [p for p in flags if not isinstance(p, Setting)]
        _write_section(formatter, ctx, "options", own)
        for name, title in GROUPS.items():
            _write_section(formatter, ctx, title, [p for p in shown if p.group == name])
        if len(shown) < len(settings):
            formatter.write_paragraph()
            formatter.write_text(f"{len(settings) - len(shown)} more settings: --help-all")


def _write_section(
    formatter: click.HelpFormatter,
    ctx: click.Context,
    title: str,
    params: Sequence[click.Option],
) -> None:
    records = [record for param in params if (record := param.get_help_record(ctx))]
    if records:
        with formatter.section(title[0].upper() + title[1:]):
            formatter.write_dl(records, col_max=FLAG_WIDTH)


class Commands(click.Group):
    """The program's commands; a video in a command's place is summarised."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named first, or `summarize` for a file or a link."""
        first = args[0]
        is_file = "." in first or "/" in first or os.path.exists(first)  # noqa: PTH110 - never raises
        if first not in self.commands and (first == "-" or is_link(first) or is_file):
            is_dashed = first.startswith("-") and first != "-"  # it came after `--`
            args = ["summarize", *(["--"] if is_dashed else []), *args]
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were written."""
        return list(self.commands)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Commands, and in a command's place a video, too."""
        found = super().shell_complete(ctx, incomplete)
        return found if incomplete.startswith("-") else offer_files(incomplete) + found


def list_used() -> list[str]:
    """The settings that the command in hand takes."""
    params = click.get_current_context().command.params
    return [param.setting for param in params if isinstance(param, Setting)]


def take_settings(
    names: Collection[str], helps: Mapping[str, str] = MappingProxyType({})
) -> list[click.Parameter]:
    """A flag for each of these settings; `helps` holds what differs from their help."""
    flags: list[click.Parameter] = [
        Setting(spec, helps.get(spec.name, spec.metadata["help"]))
        for spec in dataclasses.fields(Settings)
        if spec.name in names
    ]
    help_all = click.Option(
        ["--help-all"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_show_all,
        help="show all settings and exit",
    )
    return [help_all, *flags]


def _show_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["all"] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def take_switch(flag: str, name: str, words: str) -> click.Option:
    """A flag without a value."""
    return click.Option([name, *flag.split("/")], is_flag=True, help=words)
