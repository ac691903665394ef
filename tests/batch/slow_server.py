"""A server that takes its time, so that there is some to kill what waits for it."""

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.servers import Answer, Asked, as_chat

CHUNKS = 10
"""Of each film that is asked about."""


@dataclass
class SlowServer:
    """Describes each chunk in a while, and counts how often each was asked about."""

    url: str = ""
    asked: Counter[bytes] = field(default_factory=Counter)
    seconds: float = 0.3

    def act(self, asked: Asked, _connection: object) -> Answer:
        if b"Describe this stretch" in asked.body:
            self.asked[asked.body] += 1
            time.sleep(self.seconds)
        return as_chat("A grey field lies in the sun.")


def wait_for(server: SlowServer, requests: int) -> None:
    ends = time.monotonic() + 60
    while server.asked.total() < requests:
        assert time.monotonic() < ends, "nothing was asked"
        time.sleep(0.02)
