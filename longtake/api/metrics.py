"""What Prometheus is told: runs, requests and streams of events, of one server.

Labels are of fixed sets: routes by their template, methods and states that are known.
"""

from collections import Counter as Tallies
from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from longtake.runs.folder import Kind, State, list_runs
from longtake.version import __version__

METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS")
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Meters:
    """The counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._requests = Counter(
            "longtake_http_requests",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "longtake_http_request_seconds",
            "Until the answer began.",
            ("route",),
            registry=self.registry,
            buckets=SECONDS,
        )
        self.streams = 0
        """Streams of events that are open."""
        opened = Gauge(
            "longtake_event_streams", "Streams of events that are open.", registry=self.registry
        )
        opened.set_function(lambda: self.streams)
        about = Gauge("longtake_build", "Which Longtake this is.", ("version",),
                      registry=self.registry)  # fmt: skip
        about.labels(__version__).set(1)
        self.registry.register(_RunCounts())

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request whose answer began."""
        method = method if method in METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    @contextmanager
    def count_stream(self) -> Iterator[None]:
        """A stream of events, as long as it is open."""
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    def as_text(self) -> bytes:
        """All of it, in Prometheus' form."""
        return generate_latest(self.registry)


class _RunCounts(Collector):
    """How many runs there are, read from their folders when somebody asks."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family, with every kind and state."""
        runs = Tallies((run.asked.kind, run.state) for run in list_runs(kinds=get_args(Kind)))
        family = GaugeMetricFamily("longtake_runs", "Runs that are kept.", labels=("kind", "state"))
        for kind in get_args(Kind):
            for state in get_args(State):
                family.add_metric((kind, state), runs[kind, state])
        yield family
