"""Loads of links of this machine, and the processes that they start."""

import os
import time
from pathlib import Path

import pytest

from longtake.errors import LinkError
from longtake.links.addresses import check_link
from longtake.links.download import download
from longtake.links.plan import MediaNeeds
from longtake.records import Progress, SourceFile, Steps
from longtake.settings import Settings
from tests.servers import ScriptedServer

LOCAL = Settings(allow_private_addresses=True)

WISH = MediaNeeds(512, sound=True, captions=False)

SLOW = pytest.mark.slow
"""Each start of yt-dlp takes half a second, and what can't be had is asked for again and again."""


def fetch(link: str, settings: Settings = LOCAL, wish: MediaNeeds = WISH) -> Steps[SourceFile]:
    return download(check_link(link), settings, wish)


def load(
    link: str, settings: Settings = LOCAL, wish: MediaNeeds = WISH
) -> tuple[SourceFile, list[Progress]]:
    told: list[Progress] = []
    loaded = yield_from(fetch(link, settings, wish), told)
    return loaded, told


def yield_from(steps: Steps[SourceFile], told: list[Progress]) -> SourceFile:
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def failure(link: str, settings: Settings = LOCAL, wish: MediaNeeds = WISH) -> LinkError:
    with pytest.raises(LinkError) as raised:
        load(link, settings, wish)
    assert raised.value.message and raised.value.hint
    return raised.value


def ranges(web: ScriptedServer) -> list[str]:
    """What the loads asked for, without the look's page and head."""
    asked = [a for a in web.asked if a.method == "GET"]
    return [a.headers.get("Range", "") for a in asked if a.headers.get("If-Range")]


def loaders() -> list[int]:
    """Processes of the loader that this one started and that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"longtake.links.loader" in words and parent == os.getpid():
            found.append(int(path.name))
    return found


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
