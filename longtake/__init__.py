"""Longtake: raw video to descriptions of its chunks and a summary that can be checked.

import longtake
result = longtake.summarize("talk.mp4")
print(result.summary.headline)
"""

import os
from typing import TYPE_CHECKING, Any

from longtake.errors import LongtakeError
from longtake.records import (
    Chunk,
    Comparison,
    Description,
    Ledger,
    Overview,
    Progress,
    Result,
    Scan,
    Segment,
    Sentence,
    Shot,
    Summary,
    Transcript,
    Video,
)
from longtake.timecode import Span
from longtake.version import __version__ as __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# ONNX Runtime, which RapidOCR and faster-whisper import too, reports its users to its maker unless
# this stands there before its first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Chunk",
    "Comparison",
    "Description",
    "Ledger",
    "LongtakeError",
    "Overview",
    "Progress",
    "Result",
    "Scan",
    "Segment",
    "Sentence",
    "Shot",
    "Span",
    "Summary",
    "Transcript",
    "Video",
    "compare",
    "resummarize",
    "scan",
    "summarize",
    "transcribe",
]


def summarize(source: "str | Path", **settings: Any) -> Result:
    """Describe and summarise one video; settings by name, as `longtake summarize --help` lists.

    Raises LongtakeError. For progress, iterate `longtake.pipeline.run.run` yourself.
    """
    from longtake.pipeline.run import summarize as run_to_end

    return run_to_end(source, settings)


def compare(source: "str | Path", arms: "Sequence[str]" = (), **settings: Any) -> Comparison:
    """Both flows, and `arms` such as "long: chunk_seconds=12", on one video, as `longtake compare`.

    Settings as for `summarize`; they hold for all arms.
    """
    from longtake.pipeline.compare import compare_to_end

    return compare_to_end(source, arms, settings)


def resummarize(path: "str | Path", **settings: Any) -> Result:
    """The summary anew from a (perhaps edited) descriptions.csv; settings as for `summarize`.

    What `longtake reconcile` does: no video is read, and no describer asked.
    """
    from longtake.pipeline.run import resummarize as run_to_end

    return run_to_end(path, settings)


def scan(source: "str | Path", **settings: Any) -> Overview:
    """The shots, motion and chunks of one video, without a model; settings as for `summarize`."""
    from longtake.pipeline.run import survey

    return survey(source, settings)


def transcribe(source: "str | Path", **settings: Any) -> Transcript:
    """What is said in one video, from its subtitles or its sound; settings as for `summarize`.

    Writes it as .srt, .vtt and .txt into `out`, as `longtake transcript` does.
    """
    from longtake.pipeline.run import hear

    return hear(source, settings)
