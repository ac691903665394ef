"""Event films as files: the film, its truth, and what is said in it as subtitles."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from longtake.evaluate.draw import draw_frame
from longtake.evaluate.script import Script, write_script
from longtake.evaluate.truth import find_truth, write_truth
from longtake.evaluate.world import VOICE
from longtake.files import replacing
from longtake.records import Segment, Transcript
from longtake.report.transcript import as_srt
from longtake.timecode import Span
from longtake.video.write_film import write_film

WIDTH, HEIGHT = 640, 360
RATE = 12
"""Pictures a second: enough for things that take a second or two."""


def make_film(
    folder: Path, seed: int, level: int, *, width: int = WIDTH, height: int = HEIGHT
) -> Path:
    """Write the film of that seed and level, `level-2-seed-7.mp4`, and its truth beside it.

    What is said lies beside it as well (`.srt`), where anything is: there is no sound.
    """
    script = write_script(seed, level)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{script.name}.mp4"
    write_truth(find_truth(path), script.events)
    if speech := as_srt(_list_speech(script)):
        path.with_suffix(".srt").write_text(speech, encoding="utf-8")
    with replacing(path) as part:
        write_film(part, draw_film(script, width, height), RATE)
    return path


def draw_film(script: Script, width: int = WIDTH, height: int = HEIGHT) -> Iterator[np.ndarray]:
    """All its pictures, `RATE` of them a second."""
    for number in range(round(script.seconds * RATE)):
        yield draw_frame(script, number / RATE, width, height)


def _list_speech(script: Script) -> Transcript:
    said = [event for event in script.events if event.actor == VOICE]
    segments = tuple(Segment(Span(event.start, event.end), event.target) for event in said)
    return Transcript("the film's script", segments, "en")
