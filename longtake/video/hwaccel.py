"""Decoding on a graphics card, where PyAV and the machine can; else the processor does it."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import SourceError, UsageError
from longtake.video.container import open_container

if TYPE_CHECKING:
    from av.container import InputContainer

LOG = logging.getLogger("longtake")
AUTO = ("cuda", "videotoolbox", "vaapi")
"""What is tried, in this order."""


@contextmanager
def open_accelerated(path: Path, hwaccel: str) -> Iterator["InputContainer"]:
    """The opened file, its pictures decoded as asked: `off`, `auto` or the name of a device.

    A device that does not work is told of once, and the processor decodes.
    """
    with ExitStack() as opened:
        yield _open_on_device(opened, path, hwaccel) or opened.enter_context(open_container(path))


def _open_on_device(opened: ExitStack, path: Path, hwaccel: str) -> "InputContainer | None":
    """The file on the first device that works; None where none does, or none is asked for."""
    from av.codec.hwaccel import HWAccel

    for device in find_devices(hwaccel):
        try:
            return opened.enter_context(open_container(path, hwaccel=HWAccel(device)))
        except SourceError as error:
            if hwaccel != "auto":
                _tell(device, str(error.__cause__))
    return None


def find_devices(hwaccel: str) -> list[str]:
    """Those to try; UsageError for one that this build of PyAV knows nothing of."""
    from av.codec.hwaccel import hwdevices_available

    if hwaccel == "off":
        return []
    known = [device for device in AUTO if device in hwdevices_available()]
    if hwaccel == "auto":
        return known
    if hwaccel not in known:
        raise UsageError(
            f"--hwaccel {hwaccel}: this build of PyAV can't decode on it",
            f"It knows {', '.join(known) or 'no device'}; --hwaccel off decodes on the processor.",
        )
    return [hwaccel]


@cache
def _tell(device: str, reason: str) -> None:
    LOG.warning("%s can't decode here (%s): the processor does it", device, reason)
