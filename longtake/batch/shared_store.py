"""A store of a worker's own, whose answers lie with a keeper, too: none is lost with a worker."""

from pathlib import Path
from typing import Protocol

from longtake.store import Answer, Store


class Keeper(Protocol):
    """Who keeps the answers of all workers; it alone writes the store that stays."""

    def get(self, key: str) -> Answer | None:
        """As `Store.get`."""

    def put(self, key: str, stage: str, answer: Answer) -> Answer:
        """As `Store.put`: with the keeper when this returns."""

    def get_scan(self, key: str) -> str | None:
        """As `Store.get_scan`."""

    def put_scan(self, key: str, scan: str) -> None:
        """As `Store.put_scan`."""


class SharedStore(Store):
    """Gives what it has itself, else what the keeper has, and has each answer kept at both."""

    def __init__(self, path: Path, keeper: Keeper) -> None:
        super().__init__(path)
        self._keeper = keeper

    def get(self, key: str) -> Answer | None:
        """The answer of that key, if any worker was ever given one."""
        return super().get(key) or self._keeper.get(key)

    def put(self, key: str, stage: str, answer: Answer) -> Answer:
        """Keep an answer at both; the first one that the keeper was given stands."""
        return super().put(key, stage, self._keeper.put(key, stage, answer))

    def get_scan(self, key: str) -> str | None:
        """The scan of that key, if any worker ever made it."""
        return super().get_scan(key) or self._keeper.get_scan(key)

    def put_scan(self, key: str, scan: str) -> None:
        """Keep a scan at both."""
        super().put_scan(key, scan)
        self._keeper.put_scan(key, scan)
