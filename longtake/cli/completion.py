"""What a shell is told that asks how a line may go on: names, or that files fit there.

Builds on click's completion, which says how each shell asks.
"""

import os
import re
from collections.abc import Callable, Sequence

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    split_arg_string,
)

from longtake.cli.names import NAMES

Items = list[CompletionItem[str]]
Complete = Callable[[click.Context, click.Parameter, str], Items]

FILES = {"subtitles": "file", "cookies": "file", "out": "dir", "embedder": "dir", "speech": "dir",
         "actions": "dir"}  # fmt: skip
"""Settings whose value may lie on the disk, and as what."""


def offer(names: Callable[[], Sequence[str]] = lambda: (), files: str = "") -> Complete:
    """What completes an argument or a flag's value: these names, and files or folders."""

    def complete(context: click.Context, param: click.Parameter, word: str) -> Items:
        # Files first: bash's script forgets what came before them.
        return offer_files(word, files) + [
            CompletionItem(name) for name in names() if name.startswith(word)
        ]

    return complete


def offer_files(word: str, kind: str = "file") -> Items:
    """That the shell itself may go on with a file (`file`) or a folder (`dir`)."""
    return [CompletionItem(word, type=kind)] if kind else []


def complete_setting(name: str) -> Complete | None:
    """What completes a setting's flag; None where click knows, or nobody."""
    if name not in NAMES and name not in FILES:
        return None
    return offer(NAMES.get(name, lambda: []), FILES.get(name, ""))


class BashWords(BashComplete):
    """Bash, which takes `a:b` and `a=b` for three words each, and replaces the last alone."""

    _kept = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one in hand, and that one, as the user wrote them."""
        given = os.environ["COMP_WORDS"].split("\n")[: int(os.environ["COMP_CWORD"]) + 1]
        *words, word = re.sub(r"\n([:=]+)(\n|$)", r"\1", "\n".join(given)).split("\n")
        self._kept = re.sub(r"^--[\w-]+=", "", word).removesuffix(given[-1].strip(":="))
        found = split_arg_string(word)
        return split_arg_string("\n".join(words[1:])), found[0] if found else ""

    def format_completion(self, item: CompletionItem[str]) -> str:
        """The item, without what bash keeps of the word."""
        if item.type == "plain":
            item.value = item.value.removeprefix(self._kept)
        return super().format_completion(item)


def teach_bash() -> None:
    """Have click answer bash so."""
    add_completion_class(BashWords)
