"""What a server has beside its routes: who may ask, its limits, its counters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from longtake.api.metrics import Meters
from longtake.api.schemas import MOST_WAIT_SECONDS
from longtake.door.access import Access

SEARCHES_AT_ONCE = 4
"""Each may take a core and the memory of a model: others wait for their turn."""
MOST_STREAMS = 100
"""Streams of events that are open at once."""
STREAM_SECONDS = 3600.0
"""How long one lasts; a watcher comes again, and goes on where it was."""


@dataclass(frozen=True)
class Serving:
    """One server; `most_wait` is how many seconds it lets a question wait for its answer."""

    access: Access
    meters: Meters = field(default_factory=Meters)
    searches: anyio.CapacityLimiter = field(
        default_factory=lambda: anyio.CapacityLimiter(SEARCHES_AT_ONCE)
    )
    most_wait: float = MOST_WAIT_SECONDS
    most_streams: int = MOST_STREAMS
    stream_seconds: float = STREAM_SECONDS
    reading: anyio.Lock = field(default_factory=anyio.Lock)
    latest: dict[str, tuple[object, Mapping[str, Any] | None]] = field(default_factory=dict)
    """Runs that are watched, as they were read last."""
