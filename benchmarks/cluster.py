"""How long a large batch would take on a cluster, and where it waits: simulated, not run.

    python -m benchmarks.cluster [--videos 100000] [--minutes 8] [--cards 1 8 64]
        [--input-tokens 6000] [--output-tokens 1200] [--processors 4] [--second 0.15]

Videos' lengths are drawn (log-normal, so that a few are hours long). A video holds a worker, which
has one processor, until its pictures, speech and text are read and its requests are answered; these
go on side by side. All requests share the cards, no more than 64 of a video at once. What a card
does a second, in tokens read and written, is yours to measure (`vllm bench serve`): the defaults
are a guess. `--second` is how many seconds of a processor a second of video takes: what is measured
in docs/figures.md adds up to 0.05 (footage without speech) to 0.3 (speech, and text on every
picture). Each chunk adds 10 ms, each video what Ray takes (`benchmarks.batch`).

Prints hours, videos an hour, how busy cards and processors were, and what a card-hour and a
processor-hour at the prices given come to.
"""

import argparse
import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

CHUNK_SECONDS = 6.0
CHUNK_INPUT, CHUNK_OUTPUT = 6 * 256 + 300, 120
"""Tokens of a chunk: six frames of a Qwen at 512 pixels and the words round them; its answer."""
SUMMARY_SHARE = 0.1
"""Of the describing's tokens, what the summary takes beside."""
CHUNK_CPU, VIDEO_CPU = 0.01, 0.2
MOST_OF_VIDEO = 64 / 256
"""Of a card, what one video can use: 64 of the requests that it holds at once."""


@dataclass(frozen=True)
class Size:
    """A cluster: cards, and processors beside each."""

    cards: int
    processors: int


@dataclass(frozen=True)
class Outcome:
    """What a batch came to: hours, and the shares of them in which cards and processors worked."""

    hours: float
    cards: float
    processors: float


def draw_lengths(count: int, minutes: float, seed: int = 1) -> list[float]:
    """Seconds of each video; the mean is as given, the median less than half of it."""
    source = random.Random(seed)  # noqa: S311
    spread = 1.25
    middle = math.log(60 * minutes) - spread**2 / 2
    return [source.lognormvariate(middle, spread) for _ in range(count)]


def simulate(
    lengths: Sequence[float], size: Size, card_seconds: float, cpu_second: float
) -> Outcome:
    """Go through the videos in order; `card_seconds` is what a chunk takes of a whole card.

    The cards are shared evenly: each video's work is done once as much was given to a share since
    it began (`given`), so one number tells how far all of them are.
    """
    workers = size.cards * size.processors
    now = given = cards_worked = 0.0
    at_cards: list[float] = []
    """How much must have been given to a share until each video's requests are answered."""
    at_processors: list[float] = []
    """When each video is read."""
    left = iter(lengths)
    running = 0

    def begin() -> bool:
        nonlocal running
        seconds = next(left, None)
        if seconds is None:
            return False
        chunks = math.ceil(seconds / CHUNK_SECONDS)
        cpu = seconds * cpu_second + chunks * CHUNK_CPU + VIDEO_CPU
        heapq.heappush(at_processors, now + cpu)
        heapq.heappush(at_cards, given + chunks * card_seconds * (1 + SUMMARY_SHARE))
        running += 1
        return True

    # A worker is free when its video is both read and answered. Which of the two came last is of
    # no matter for the sums: a worker is taken as free by the later one of each pair in turn.
    done_cards = done_processors = 0
    while running < workers and begin():
        pass
    cpu_worked = 0.0
    while at_cards or at_processors:
        share = min(MOST_OF_VIDEO, size.cards / len(at_cards)) if at_cards else 0.0
        next_card = now + (at_cards[0] - given) / share if at_cards else math.inf
        next_cpu = at_processors[0] if at_processors else math.inf
        then = min(next_card, next_cpu)
        cards_worked += share * len(at_cards) * (then - now)
        cpu_worked += len(at_processors) * (then - now)
        given += share * (then - now)
        now = then
        if next_card <= next_cpu:
            heapq.heappop(at_cards)
            done_cards += 1
        else:
            heapq.heappop(at_processors)
            done_processors += 1
        while running - min(done_cards, done_processors) < workers and begin():
            pass
    whole = max(now, 1e-9)
    return Outcome(now / 3600, cards_worked / whole / size.cards, cpu_worked / whole / workers)


def main() -> None:
    """Print a row a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--cards", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--processors", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--input-tokens", type=float, default=6000.0)
    parser.add_argument("--output-tokens", type=float, default=1200.0)
    parser.add_argument("--second", type=float, default=0.15)
    parser.add_argument("--prices", type=float, nargs=2, default=[2.0, 0.04])
    given = parser.parse_args()
    lengths = draw_lengths(given.videos, given.minutes)
    chunk = CHUNK_INPUT / given.input_tokens + CHUNK_OUTPUT / given.output_tokens
    hours = sum(lengths) / 3600
    print(f"{given.videos} videos, {hours:.0f} hours; a chunk takes {chunk:.2f} s of a card")
    print("cards  processors each    hours  videos an hour  cards  processors      price")
    card, processor = given.prices
    for cards in given.cards:
        for processors in given.processors:
            found = simulate(lengths, Size(cards, processors), chunk, given.second)
            price = found.hours * cards * (card + processors * processor)
            speed, each = (
                given.videos / found.hours,
                f"{found.cards:5.0%}  {found.processors:10.0%}",
            )
            size = f"{cards:5}  {processors:15}  {found.hours:7.0f}"
            print(f"{size}  {speed:14.0f}  {each}  {price:9.0f}")


if __name__ == "__main__":
    main()
