"""The door to PyTorch and transformers: they are imported here, and what they raise ends here."""

import importlib
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from longtake.errors import EngineError, EngineFailed, LongtakeError, OutOfMemory, UsageError
from longtake.installation import say_extra_install, say_pip_install
from longtake.text.untrusted import one_line

LOG = logging.getLogger("longtake")
T = TypeVar("T")


def import_libraries(model: str) -> None:
    """Import PyTorch and transformers; UsageError where they are not installed, or broken."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    for package in ("torch", "transformers"):
        try:
            importlib.import_module(package)
        except Exception as error:  # a broken build can raise anything
            if isinstance(error, ModuleNotFoundError) and error.name == package:
                raise UsageError(
                    f"transformers:{model} needs the package {package!r}, which is not installed",
                    f"Install it: {say_extra_install('transformers')}",
                ) from None
            raise UsageError(
                f"the package {package!r} is installed, but it can't be imported:"
                f" {first_words(error)}",
                f"Install it anew: {say_pip_install('--force-reinstall', package)}",
            ) from error
    if "TRANSFORMERS_VERBOSITY" not in os.environ:
        spoken = importlib.import_module("transformers.utils.logging")
        spoken.set_verbosity_error()
        spoken.disable_progress_bar()


def call_library(name: str, aim: str, work: Callable[[], T]) -> T:
    """The result of `work`; whatever it raises becomes an EngineError that says `name` can't `aim`.

    What the libraries can raise is documented nowhere. Ours is raised outside the handler: it must
    not hold theirs, whose traceback would keep a batch's tensors in memory.
    """
    try:
        return work()
    except (LongtakeError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # Rust's panics are beside Exception, and one of transformers'
        LOG.debug("transformers: %s", name, exc_info=True)
        ours = map_error(error, name, aim)
    raise ours


_NO_MEMORY = re.compile(
    r"out of memory|not enough memory|DefaultCPUAllocator|ALLOC_FAILED|Invalid buffer size|"
    r"(can't|cannot|unable to|failed to) allocate",
    re.IGNORECASE,
)
"""How CUDA, MPS, cuBLAS and PyTorch's CPU allocator say it, some as a plain RuntimeError."""


def map_error(error: BaseException, name: str, aim: str) -> EngineError:
    """OutOfMemory where the library's error says so, else EngineFailed with its message."""
    said = first_words(error)
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and _NO_MEMORY.search(said))
    ):
        return OutOfMemory(
            f"{name} has not the memory for this: {said}",
            "Lower --at-once, --frames or --frame-side; or take a smaller model.",
        )
    return EngineFailed(f"{name} can't {aim}: {said}")


def first_words(error: BaseException, folder: Path | None = None) -> str:
    """A library's message on one line, at most 300 characters; the folder without its path."""
    try:
        said = str(error)
    except Exception:  # some fail at their own words
        said = ""
    if folder:
        said = said.replace(str(folder), folder.name)
    return one_line(said)[:300] or type(error).__name__
