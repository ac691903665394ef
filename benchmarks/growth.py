"""How time grows with what is said and written: seconds of processor time by size, no model asked.

    python -m benchmarks.growth [--most 16000]

Each row doubles its size from column to column: where time grows as it should, so does each figure,
or less. Subtitles are read and told (`words`), tables are read back and noted (`reconcile`), and
both are put together as a digest that compares words.
"""

import argparse
import csv
import io
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from longtake.digest import list_quotes, make_digest
from longtake.reconcile.notes import make_notes
from longtake.records import Chunk, Description, Words
from longtake.report.read_back import read_edited
from longtake.report.transcript import as_srt, as_text
from longtake.text.untrusted import one_line
from longtake.timecode import Span
from longtake.words.speech.subtitles import read_subtitles

FEWEST = 1000
WORDS = (
    "the of and in we you motor battery signal camera river mountain lesson number value paper"
    " method energy water city road bridge garden bread window music colour light question answer"
).split()
LINE_LETTERS = 40
"""Of one line that is as long as so many cues."""


def main() -> None:
    """Print a line for each shape of input, and a column for each size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--most", type=int, default=16_000, help="the largest size")
    most = parser.parse_args().most
    sizes = [FEWEST << k for k in range(32) if FEWEST << k <= most]
    print(f"{'':32}" + "".join(f"{size:>9,}" for size in sizes))
    with tempfile.TemporaryDirectory() as folder:
        for name, go in SHAPES.items():
            dice = random.Random(8)  # noqa: S311 - a text, no secret
            shown = [_measure(go, size, dice, Path(folder)) for size in sizes]
            print(f"{name:32}" + "".join(f"{seconds:>9.2f}" for seconds in shown), flush=True)


Shape = Callable[[int, random.Random, Path], Callable[[], object]]
"""Makes an input of a size in a folder; what it gives is measured."""


def _measure(shape: Shape, size: int, dice: random.Random, folder: Path) -> float:
    work = shape(size, dice, folder)
    started = time.process_time()
    work()
    return time.process_time() - started


def _say(dice: random.Random, words: int = 6) -> str:
    return f"{' '.join(dice.choices(WORDS, k=words)).capitalize()}."


def _tell_cues(texts: list[str], folder: Path) -> Callable[[], object]:
    """Cues of 10 ms, all in one chunk."""
    cues = [
        f"{_time(place)} --> {_time(place + 1)}\n{text}\n" for place, text in enumerate(texts, 1)
    ]
    path = folder / "talk.srt"
    path.write_text("\n".join(cues), encoding="utf-8")
    return lambda: _tell(path)


def _time(hundredths: int) -> str:
    seconds, rest = divmod(hundredths, 100)
    return f"{seconds // 60:02}:{seconds % 60:02},{rest:02}0"


def _tell(path: Path) -> None:
    transcript = read_subtitles(path)
    as_srt(transcript), as_text(transcript)
    end = transcript.segments[-1].span.end
    chunk = Chunk(1, Span(0, end))
    words = {1: Words(transcript.segments, ())}
    quotes = list_quotes([Description(chunk, "described", "none")], words, "en")
    make_digest(quotes, end, None, language="en")


def _tell_table(rows: list[tuple[str, str, str]], folder: Path) -> Callable[[], object]:
    """Rows of description, speech and text."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow("chunk start end description speech text".split())
    writer.writerows((n, 6 * n, 6 * n + 6, *row) for n, row in enumerate(rows, 1))
    path = folder / "descriptions.csv"
    path.write_text(file.getvalue(), encoding="utf-8")
    return lambda: _reconcile(path)


def _reconcile(path: Path) -> None:
    edited = read_edited(path)
    make_notes(edited.descriptions)
    quotes = list_quotes(edited.descriptions, {}, "en")
    make_digest(quotes, edited.video.duration, None, language="en")


SHAPES: dict[str, Shape] = {
    "cues, a sentence each": lambda n, dice, folder: _tell_cues(
        [_say(dice) for _ in range(n)], folder
    ),
    "cues without a full stop": lambda n, dice, folder: _tell_cues(
        [_say(dice)[:-1] for _ in range(n)], folder
    ),
    "cues in Chinese": lambda n, dice, folder: _tell_cues(
        [f"{dice.choice('山水人火木')}的第{k}{dice.choice('个次条')}。" for k in range(n)], folder
    ),
    "one line as long": lambda n, _, folder: _tell_cues(
        ["word " * (n * LINE_LETTERS // 5)], folder
    ),
    "rows of a table": lambda n, dice, folder: _tell_table(
        [(_say(dice, 20), _say(dice), f"{_say(dice, 3)} / {_say(dice, 3)}") for _ in range(n)],
        folder,
    ),
    "quotations in one row": lambda n, dice, folder: _tell_table(
        [
            (
                " ".join(f'"{_say(dice, 4)}"' for _ in range(n)),
                " ".join(_say(dice) for _ in range(n)),
                " / ".join(_say(dice, 5) for _ in range(n)),
            )
        ],
        folder,
    ),
    "a title, in hundreds of letters": lambda n, _, folder: lambda: one_line("A\ttitle. " * n * 12),
}


if __name__ == "__main__":
    main()
