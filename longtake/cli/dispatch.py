"""Which command a line is for: the one that it names, else `summarize` for what names a video.

Builds on click; knows of the commands only what they are called and which flags they take.
"""

import glob
import os
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from longtake.cli.completion import offer_files
from longtake.cli.flags import Command, hint_at_file
from longtake.cli.names import find_near
from longtake.errors import UsageError
from longtake.links.addresses import is_link

DEFAULT = "summarize"
"""What is done with a video where no command is named."""


class Commands(click.Group):
    """The program's commands; a video in a command's place is summarised."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The program's own flags; before one of the default command's, that is put in."""
        if args and args[0].partition("=")[0] in self._list_default_flags():
            command = next((word for word in args if word in self.commands), "")
            if command and not ctx.resilient_parsing:
                raise UsageError(
                    f"{args[0]} stands before the command {command}",
                    f"Flags come after it: longtake {command} {args[0]} …",
                )
            args = [DEFAULT, *args]
        with hint_at_file(args):
            return super().parse_args(ctx, list(args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named first, or the default one for a file or a link."""
        first = args[0]
        if first not in self.commands and (_may_be_video(first) or self._is_beside_videos(args)):
            is_dashed = first.startswith("-") and first != "-"  # it came after `--`
            args = [DEFAULT, *(["--"] if is_dashed else []), *args]
        return super().resolve_command(ctx, args)

    def _is_beside_videos(self, args: Sequence[str]) -> bool:
        """Whether a word is like no command, and what follows it is there to be summarised."""
        return (
            not find_near(args[0], self.list_commands(click.Context(self)))
            and any(
                os.path.exists(word)  # noqa: PTH110 - never raises
                for word in args[1:]
            )
        )

    def _list_default_flags(self) -> list[str]:
        own = [flag for param in self.params for flag in param.opts]
        params = [p for p in self.commands[DEFAULT].params if isinstance(p, click.Option)]
        flags = [flag for param in params for flag in (*param.opts, *param.secondary_opts)]
        return [flag for flag in flags if flag not in own]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were written."""
        return list(self.commands)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Commands, and in a command's place a video or a flag of the default one, too."""
        found = super().shell_complete(ctx, incomplete)
        if not incomplete.startswith("-"):
            return offer_files(incomplete) + found
        flags = self._list_default_flags()
        return found + [CompletionItem(flag) for flag in flags if flag.startswith(incomplete)]


def _may_be_video(word: str) -> bool:
    """Whether it is no command's name: a file, a link or a pattern, by its looks."""
    is_path = "." in word or "/" in word or os.path.exists(word)  # noqa: PTH110 - never raises
    return word == "-" or is_link(word) or is_path or glob.has_magic(word)
