"""A finder that runs in the background: what it finds, how far it is, and what the store keeps.

Knows neither speech nor pictures.
"""

import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from typing import Any, Generic, TypeVar

from longtake.errors import SourceError
from longtake.records import Cost, ScreenText, Segment, StageUsage, Video
from longtake.store import Answer, Store, make_key
from longtake.timecode import Span

CLOSE_SECONDS = 10.0
POLL_SECONDS = 0.2
"""A thread that waits without an end can't be interrupted on every system."""
END = float("inf")

Item = TypeVar("Item", Segment, ScreenText)
Finding = Generator[tuple[float, Sequence[Item]], None, None]
"""A time, and what was found: with it all is known that begins before that time."""
Recall = Callable[[Mapping[str, object], Callable[[], Any]], Any]
"""What an expensive step gives for these facts: as it is kept, else made now, and kept."""


class StoreNotes:
    """What the store keeps of one video by facts; counts the expensive steps."""

    def __init__(self, store: Store, video: Video, stage: str) -> None:
        self._store, self._video, self._stage = store, video, stage
        self._made = 0
        self._known = 0

    def recall(self, facts: Mapping[str, object], make: Callable[[], Any]) -> Any:
        """What an expensive step gave, if it was ever made, else what it gives now."""
        known = self.get(facts) is not None
        found = self._store.recall(self._name(facts), self._stage, make)
        self._known += known
        self._made += not known
        return found

    def get(self, facts: Mapping[str, object]) -> str | None:
        """What the store keeps under these facts; it does not count as reused."""
        kept = self._store.get(make_key(self._name(facts)))
        return kept.text if kept else None

    def put(self, facts: Mapping[str, object], text: str) -> None:
        """Keep a result under these facts without counting it as made."""
        answer = Answer(self._stage, text=text, requests=0)
        self._store.put(make_key(self._name(facts)), self._stage, answer)

    def find_once(
        self,
        facts: Mapping[str, object],
        kind: type[Item],
        find: Callable[[], Finding[Item]],
    ) -> Finding[Item]:
        """What `find` finds, kept whole when it has ended; from then on what was kept."""
        kept = _read_kept(self.get(facts), kind)
        self._known += kept is not None
        steps, broken = kept or ([], "")
        yield from steps
        if not kept:
            found = []
            try:
                for until, items in find():
                    found.append((until, [list(astuple(item)) for item in items]))
                    yield until, items
            except SourceError as error:
                broken = error.message
            self.put(facts, json.dumps([found, broken]))
        if broken:
            raise SourceError(broken)

    def as_usage(self, engine: str, seconds: float) -> StageUsage:
        """What the expensive steps of this run took."""
        return StageUsage(self._stage, engine, Cost(self._made, seconds=seconds), self._known)

    def _name(self, facts: Mapping[str, object]) -> dict[str, object]:
        return {"stage": self._stage, "video": self._video.sha256, "of": facts}


def _read_kept(
    text: str | None, kind: type[Item]
) -> tuple[list[tuple[float, list[Item]]], str] | None:
    """What was kept of a finding, and why it broke off; None where nothing is, or nothing whole."""
    try:
        found, broken = json.loads(text or "")
        steps = [
            (float(until), [kind(Span(*map(float, row[0])), *row[1:]) for row in rows])
            for until, rows in found
        ]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return steps, str(broken)


class BackgroundFinder(Generic[Item]):
    """A finding that goes on in a thread of its own; what it has found up to a time can be had."""

    def __init__(self, finding: Finding[Item], name: str, notes: StoreNotes | None = None) -> None:
        self._finding: Generator[tuple[float, Sequence[Item]], None, None] = finding
        self.name, self._notes = name, notes
        self._changed = threading.Condition()
        self._stopped = False
        self._error: BaseException | None = None
        self._found: list[tuple[float, Sequence[Item]]] = []
        self.until = 0.0
        """The time up to which all is known."""
        self.broken = ""
        """Why the source could not be read to its end."""
        self._seconds = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def take(self, until: float) -> Sequence[tuple[float, Sequence[Item]]]:
        """What was found since it was last taken, once all is known up to that time.

        Raises what ended it. A source that breaks is no reason to stop: what came before stands,
        and `broken` says it.
        """
        with self._changed:
            while self.until < until:
                self._changed.wait(POLL_SECONDS)
            found, self._found = self._found, []
        if self._error:
            raise self._error
        return found

    def close(self) -> None:
        """End with the next thing that it finds, and wait a while for that.

        A thread that is inside a model when Python ends can take the process down with it.
        """
        self._stopped = True
        self._thread.join(CLOSE_SECONDS)

    def usage(self) -> list[StageUsage]:
        """What the expensive steps of this run took."""
        return [self._notes.as_usage(self.name, self._seconds)] if self._notes else []

    def _run(self) -> None:
        started = time.monotonic()
        try:
            for until, items in self._finding:
                self._put(until, items)
                if self._stopped:
                    return
        except SourceError as error:
            self.broken = error.message
        except BaseException as error:
            self._error = error
        finally:
            self._finding.close()
            self._seconds = round(time.monotonic() - started, 3)
            self._put(END, ())

    def _put(self, until: float, items: Sequence[Item]) -> None:
        with self._changed:
            self._found.append((until, items))
            self.until = max(self.until, until)
            self._changed.notify_all()


@contextmanager
def closing_finder(finder: BackgroundFinder[Item] | None) -> Iterator[None]:
    """Closes it at the end, but not for a user who breaks off: nobody waits any more."""
    waits = True
    try:
        yield
    except KeyboardInterrupt:
        waits = False
        raise
    finally:
        if finder and waits:
            finder.close()
