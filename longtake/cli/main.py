"""The program: its exit status, its streams, its errors."""

import errno
import io
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import click

from longtake.cli.bars import note, note_error
from longtake.cli.commands import COMPLETE, longtake
from longtake.cli.completion import teach_bash
from longtake.errors import LongtakeError

EXIT_INTERRUPTED = 130
PROGRAM = "longtake"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    _prepare_streams()
    _show_notes()
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except (click.UsageError, LongtakeError) as error:
        return _tell(error)
    except (KeyboardInterrupt, click.Abort):
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


def _run(arguments: list[str]) -> int:
    """One command; what a shell asks to complete a line is answered by click."""
    try:
        if COMPLETE in os.environ:
            teach_bash()
            longtake.main(arguments, PROGRAM, COMPLETE)
        with longtake.make_context(PROGRAM, arguments) as context:
            status: int = longtake.invoke(context) or 0
    except click.exceptions.Exit as end:
        status = end.exit_code
    sys.stdout.flush()
    return status


def _tell(error: click.UsageError | LongtakeError) -> int:
    """Say what happened and what to do; the exit status."""
    if isinstance(error, LongtakeError):
        message, hint, status = error.message, error.hint, error.exit_status
    else:
        command = error.ctx.command_path if error.ctx else PROGRAM
        message, hint, status = error.format_message(), f"{command} --help", error.exit_code
    note_error(message, hint)
    return status


def _prepare_streams() -> None:
    """Streams that are closed swallow what they get; letters that one can't show become `?`."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - for the whole process
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


class _NoteHandler(logging.Handler):
    """What Longtake has to say while it works, a line each on standard error as it is then."""

    def emit(self, record: logging.LogRecord) -> None:
        note(f"note: {record.getMessage()}")


def _show_notes() -> None:
    log = logging.getLogger("longtake")
    log.setLevel(logging.INFO)
    log.handlers = [_NoteHandler()]


def start() -> None:
    """The program `longtake`: `main`, and the end of the process."""
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.daemon for thread in threading.enumerate()):
        # A thread that is inside a model when Python ends takes the process down with a crash.
        os._exit(status)
    sys.exit(status)
