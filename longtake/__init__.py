"""Longtake: raw video to descriptions of its chunks and a summary that can be checked.

import longtake
result = longtake.summarize("talk.mp4")
print(result.summary.headline)
"""

import os
from importlib import import_module
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
    from longtake.batch.journal import BatchRow
    from longtake.batch.many import summarize_many
    from longtake.library.search import FoundMoment
    from longtake.pipeline.ask import LibraryAnswer
    from longtake.pipeline.search import SearchResult
    from longtake.pipeline.session import (
        ask,
        compare,
        resummarize,
        scan,
        search,
        summarize,
        transcribe,
    )

# ONNX Runtime, which RapidOCR and faster-whisper import too, reports its users to its maker unless
# this stands there before its first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "BatchRow",
    "Chunk",
    "Comparison",
    "Description",
    "FoundMoment",
    "Ledger",
    "LibraryAnswer",
    "LongtakeError",
    "Overview",
    "Progress",
    "Result",
    "Scan",
    "SearchResult",
    "Segment",
    "Sentence",
    "Shot",
    "Span",
    "Summary",
    "Transcript",
    "Video",
    "ask",
    "compare",
    "resummarize",
    "scan",
    "search",
    "summarize",
    "summarize_many",
    "transcribe",
]


_MODULES = {
    "BatchRow": "longtake.batch.journal",
    "FoundMoment": "longtake.library.search",
    "LibraryAnswer": "longtake.pipeline.ask",
    "SearchResult": "longtake.pipeline.search",
    "summarize_many": "longtake.batch.many",
}
"""Where a name is from that is loaded when it is first asked for, if not the session."""


def __getattr__(name: str) -> Any:
    """The pipeline is loaded when it is first asked for: `import longtake` is light."""
    if name in __all__:
        return getattr(import_module(_MODULES.get(name, "longtake.pipeline.session")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
