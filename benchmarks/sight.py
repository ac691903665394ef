"""What the small model that sees event films says by one engine, and whether others say the same.

python -m benchmarks.sight ask transformers:tests/sight --out torch.csv
python -m benchmarks.sight compare torch.csv gguf.csv vllm.csv
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from longtake.engines import open_engine
from longtake.settings import Settings
from scripts.sight.asking import (
    FRAMES,
    Said,
    ask,
    count_right,
    make_requests,
    read_said,
    share_alike,
    tell_truth,
    write_said,
)
from scripts.sight.sentences import read_events


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    asking = commands.add_parser("ask")
    asking.add_argument("engine")
    asking.add_argument("--base-url", default="")
    asking.add_argument("--films", type=int, default=20, help="the seeds 0 to one less")
    asking.add_argument("--frames", type=int, default=FRAMES)
    asking.add_argument("--width", type=int, default=96, help="of a frame, in pixels")
    asking.add_argument("--out", type=Path, required=True)
    comparing = commands.add_parser("compare")
    comparing.add_argument("tables", type=Path, nargs="+")
    choices = parser.parse_args()
    if choices.command == "ask":
        put_questions(choices)
    else:
        compare([(path.stem, read_said(path)) for path in choices.tables])


def put_questions(choices: argparse.Namespace) -> None:
    size = choices.width, choices.width * 9 // 16
    requests = make_requests(range(choices.films), choices.frames, *size)
    with open_engine(choices.engine, Settings(base_url=choices.base_url)) as engine:
        write_said(choices.out, ask(engine, requests))


def compare(tables: list[tuple[str, list[Said]]]) -> None:
    """Each against the truth and against the first."""
    truth = list(tell_truth(dict.fromkeys(said.seed for said in tables[0][1])))
    first = tables[0][1]
    for name, said in tables:
        true, told, right = count_right(said, truth)
        print(
            f"{name}: {len(said)} windows, recall {right / true:.3f} ({right} of {true}),"
            f" precision {right / max(1, told):.3f}, as {tables[0][0]}:"
            f" {share_alike(first, said):.1f} %"
        )
    print_actions(first, truth)


def print_actions(said: Iterable[Said], truth: Iterable[Said]) -> None:
    """Recall and precision of each action."""
    true: Counter[str] = Counter()
    told: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for one, other in zip(said, truth, strict=True):
        happened, heard = Counter(read_events(other.text)), Counter(read_events(one.text))
        for counts, events in ((true, happened), (told, heard), (right, happened & heard)):
            counts.update(action for _, action, _ in events.elements())
    for action in sorted(true | told):
        print(f"  {action}: {true[action]} happen, {told[action]} told, {right[action]} right")


if __name__ == "__main__":
    main()
