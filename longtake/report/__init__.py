"""What a run leaves in its folder: tables, summaries, subtitles, pictures."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import OutputError
from longtake.files import replacing
from longtake.records import Comparison, Description, Frame, Overview, Result, Transcript
from longtake.report.compare import comparison_as_csv, comparison_as_json
from longtake.report.csv import as_csv
from longtake.report.json import as_json, overview_as_json, transcript_as_json
from longtake.report.markdown import as_chapters, as_markdown
from longtake.report.pictures import draw_sheet, draw_strip
from longtake.report.transcript import as_srt, as_text, as_vtt, descriptions_as_vtt

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "as_json",
    "comparison_as_json",
    "overview_as_json",
    "prepare_folder",
    "transcript_as_json",
    "write_comparison",
    "write_descriptions",
    "write_pictures",
    "write_summary",
    "write_transcript",
]

OF_SUMMARY = ("summary.md", "summary.json", "report.html", "chapters.txt", "descriptions.vtt")


def prepare_folder(folder: Path) -> None:
    """Make the folder and try to write there, before anything dear is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_descriptions(folder: Path, descriptions: Sequence[Description]) -> Path:
    """Write descriptions.csv; its path. A summary of older descriptions goes away."""
    for name in OF_SUMMARY:
        (folder / name).unlink(missing_ok=True)
    return _write(folder / "descriptions.csv", as_csv(descriptions))


def write_summary(
    folder: Path, result: Result, thumbs: Mapping[int, Frame] | None = None
) -> list[Path]:
    """Write what tells of the whole video, and no empty file; the paths."""
    from longtake.report.html import as_html

    texts = (
        as_markdown(result),
        as_json(result),
        as_html(result, thumbs or {}),
        as_chapters(result.summary),
        descriptions_as_vtt(result.descriptions),
    )
    files = dict(zip(OF_SUMMARY, texts, strict=True))
    for name in (name for name, text in files.items() if not text):
        (folder / name).unlink(missing_ok=True)
    return [_write(folder / name, text) for name, text in files.items() if text]


def write_comparison(folder: Path, comparison: Comparison) -> list[Path]:
    """Write compare.html, compare.csv and compare.json; their paths."""
    from longtake.report.compare_page import as_page

    return [
        _write(folder / "compare.html", as_page(comparison)),
        _write(folder / "compare.csv", comparison_as_csv(comparison)),
        _write(folder / "compare.json", comparison_as_json(comparison)),
    ]


def write_pictures(
    folder: Path, overview: Overview, frames: Sequence[Frame | None]
) -> tuple[Path, ...]:
    """Write sheet.png, with a frame for each chunk, and strip.png; their paths."""
    cells = zip(overview.chunks, frames, strict=True)
    sheet = draw_sheet(cells, len(overview.chunks))
    strip = draw_strip(overview.video, overview.scan, overview.chunks)
    return _write(folder / "sheet.png", sheet), _write(folder / "strip.png", strip)


def write_transcript(folder: Path, transcript: Transcript) -> list[Path]:
    """Write transcript.srt, transcript.vtt and transcript.txt; their paths."""
    return [
        _write(folder / "transcript.srt", as_srt(transcript)),
        _write(folder / "transcript.vtt", as_vtt(transcript)),
        _write(folder / "transcript.txt", as_text(transcript)),
    ]


def _write(path: Path, content: "str | Image") -> Path:
    """Write a text, or a picture as PNG, whole or not at all; its path."""
    try:
        with replacing(path) as part:
            if isinstance(content, str):
                part.write_text(content, encoding="utf-8", errors="replace", newline="")
            else:
                content.save(part, format="PNG")
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def _unwritable(path: Path, error: OSError) -> OutputError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return OutputError(f"{path} is a file, not a folder", "Name a folder: --out DIR.")
    return OutputError(
        f"{path} can't be written: {error.strerror or error}",
        "Check its permissions and the room on the disk, or name another folder with --out DIR."
        " All answers so far are kept.",
    )
