"""Tells a link that a run has ended: `python -P -m longtake.runs.notice FOLDER`, on its own.

It goes through the guard of links, so that it reaches no private address. notice.json says what
came of it.
"""

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from longtake.errors import LongtakeError
from longtake.files import replacing
from longtake.links.addresses import check_link
from longtake.links.guard import open_guard
from longtake.runs.folder import Run, load_run
from longtake.settings import load_settings
from longtake.version import __version__

TRIES = 4
FIRST_WAIT_SECONDS = 2.0
"""Before the second try; before each later one, four times as long."""
ANSWER_SECONDS = 10.0


def start_notice(run: Run) -> None:
    """Let a process of its own tell who wants to know; it holds no slot."""
    if run.asked.notify:
        teller = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            [sys.executable, "-P", "-m", "longtake.runs.notice", str(run.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        threading.Thread(target=teller.wait, daemon=True).start()  # so that no zombie is left


def tell(folder: Path, first_wait: float = FIRST_WAIT_SECONDS) -> None:
    """Send what became of the run, again where nobody answers, and keep what came of it."""
    run = load_run(folder)
    said = {"run": run.id, "kind": run.asked.kind, "state": run.state}  # and nothing of its files
    wait = first_wait
    for attempt in range(1, TRIES + 1):
        came = _send(run.asked.notify, said)
        again = came.pop("again")
        with suppress(OSError), replacing(folder / "notice.json") as part:
            part.write_text(json.dumps({**came, "tries": attempt}), encoding="utf-8")
        if not again or attempt == TRIES:
            return
        time.sleep(wait)
        wait *= 4


def _send(link: str, said: dict[str, str]) -> dict[str, object]:
    """The status that came, or why none did, and whether trying again may help."""
    import httpx2

    with open_guard(load_settings().allow_private_addresses) as guard:
        client = httpx2.Client(
            proxy=guard.url, trust_env=False, timeout=ANSWER_SECONDS, follow_redirects=False,
            headers={"user-agent": f"longtake/{__version__}"},
        )  # fmt: skip
        try:
            with client, client.stream("POST", check_link(link), json=said) as reply:
                came: dict[str, object] = {"status": reply.status_code}
        except httpx2.HTTPError as error:
            came = {"error": f"{type(error).__name__}: {error}"}
        except LongtakeError as error:
            return {"error": error.message, "again": False}
        if guard.refused:
            return {"error": "it is a private address", "again": False}
        status = came.get("status")
        return {**came, "again": not isinstance(status, int) or status >= 500}


if __name__ == "__main__":
    tell(Path(sys.argv[1]))
