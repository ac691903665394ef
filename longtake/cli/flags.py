"""What commands take: settings as flags in groups, words to choose from, and help that shows both.

Builds on click; knows no command.
"""

import dataclasses
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from longtake.cli.blame import explain
from longtake.cli.completion import complete_setting
from longtake.errors import LongtakeError, UsageError
from longtake.settings import GROUPS, Settings, find_places, name_flag
from longtake.video.source import SUFFIXES

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

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The command's arguments and flags; click.UsageError for two that can't go together."""
        try:
            with hint_at_file(args):
                rest = super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            _tell_of_others(ctx, error.option_name)
            raise
        if ctx.params.get("quiet") and ctx.params.get("verbose"):
            raise click.UsageError("--quiet and --verbose can't go together", ctx)
        return rest

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


def _tell_of_others(ctx: click.Context, flag: str) -> None:
    """UsageError for a flag that only other commands take: which these are."""
    program = ctx.find_root().command
    others = program.commands.items() if isinstance(program, click.Group) else ()
    named = [
        name
        for name, command in others
        if any(flag in (*param.opts, *param.secondary_opts) for param in command.params)
    ]
    if named:
        raise UsageError(
            f"`{ctx.command_path}` takes no {flag}",
            f"It is a flag of {', '.join(named)}. See {ctx.command_path} --help.",
        ) from None


@contextmanager
def hint_at_file(args: Sequence[str]) -> Iterator[None]:
    """UsageError in place of an unknown flag where a word is a file that begins like one."""
    try:
        yield
    except click.NoSuchOption:
        if named := next(filter(_is_dashed_file, args), ""):
            raise UsageError(
                f"{named} begins with a dash, as flags do", f"Name the file as ./{named}"
            ) from None
        raise


def _is_dashed_file(word: str) -> bool:
    """Whether it begins with a dash, and is a file or is called like a video."""
    is_video = "=" not in word and Path(word).suffix.lower() in SUFFIXES
    return word.startswith("-") and (is_video or os.path.exists(word))  # noqa: PTH110 - never raises


def list_own_flags() -> list[str]:
    """The flags of all commands that are no settings."""
    program = click.get_current_context().find_root().command
    commands = program.commands.values() if isinstance(program, click.Group) else ()
    return [
        flag
        for command in commands
        for param in command.params
        if isinstance(param, click.Option) and not isinstance(param, Setting)
        for flag in param.opts
    ]


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
    return [take_help_all("show all settings and exit"), *flags]


def take_help_all(words: str) -> click.Option:
    """The flag that shows all there is to know of a command, and of those below it."""
    return click.Option(
        ["--help-all"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_show_all,
        help=words,
    )


def _show_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["all"] = True
        click.echo("\n\n".join(_list_helps(ctx)), color=ctx.color)
        ctx.exit()


def _list_helps(ctx: click.Context) -> Iterator[str]:
    """The help of a command, then that of each below it."""
    yield ctx.get_help()
    if isinstance(ctx.command, click.Group):
        for name, command in ctx.command.commands.items():
            yield from _list_helps(click.Context(command, ctx, name, **HELP))


def take_switch(flag: str, name: str, words: str) -> click.Option:
    """A flag without a value."""
    return click.Option([name, *flag.split("/")], is_flag=True, help=words)
