"""What a run leaves in its folder: tables, summaries, subtitles, pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from longtake.records import Comparison, Description, Frame, Overview, Result, Transcript
from longtake.report.compare import comparison_as_csv, comparison_as_json
from longtake.report.csv import as_csv
from longtake.report.folder import MadeWith, ResultFolder, take_folder
from longtake.report.json import as_json, overview_as_json, transcript_as_json
from longtake.report.markdown import as_chapters, as_markdown
from longtake.report.pictures import draw_sheet, draw_strip
from longtake.report.transcript import as_srt, as_text, as_vtt, descriptions_as_vtt

__all__ = [
    "MadeWith",
    "ResultFolder",
    "as_json",
    "comparison_as_json",
    "overview_as_json",
    "take_folder",
    "transcript_as_json",
    "write_comparison",
    "write_descriptions",
    "write_pictures",
    "write_summary",
    "write_transcript",
]

DESCRIPTIONS = "descriptions.csv"
OF_SUMMARY = ("summary.md", "summary.json", "report.html", "chapters.txt", "descriptions.vtt")
OF_COMPARISON = ("compare.html", "compare.csv", "compare.json")
OF_OVERVIEW = ("sheet.png", "strip.png")
OF_TRANSCRIPT = ("transcript.srt", "transcript.vtt", "transcript.txt")


def write_descriptions(folder: ResultFolder, descriptions: Sequence[Description]) -> Path:
    """Write descriptions.csv; its path. A summary of other descriptions than these goes away."""
    text = as_csv(descriptions)
    for name in () if folder.holds(DESCRIPTIONS, text) else OF_SUMMARY:
        folder.remove(name)
    return folder.write(DESCRIPTIONS, text)


def write_summary(
    folder: ResultFolder, result: Result, thumbs: Mapping[int, Frame] | None = None
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
    return _write_all(folder, OF_SUMMARY, texts)


def write_comparison(folder: ResultFolder, comparison: Comparison) -> list[Path]:
    """Write compare.html, compare.csv and compare.json; their paths."""
    from longtake.report.compare_page import as_page

    texts = (as_page(comparison), comparison_as_csv(comparison), comparison_as_json(comparison))
    return _write_all(folder, OF_COMPARISON, texts)


def write_pictures(
    folder: ResultFolder, overview: Overview, frames: Sequence[Frame | None]
) -> tuple[Path, ...]:
    """Write sheet.png, with a frame for each chunk, and strip.png; their paths."""
    cells = zip(overview.chunks, frames, strict=True)
    sheet = draw_sheet(cells, len(overview.chunks))
    strip = draw_strip(overview.video, overview.scan, overview.chunks)
    return folder.write("sheet.png", sheet), folder.write("strip.png", strip)


def write_transcript(folder: ResultFolder, transcript: Transcript) -> list[Path]:
    """Write transcript.srt, transcript.vtt and transcript.txt; their paths."""
    texts = (as_srt(transcript), as_vtt(transcript), as_text(transcript))
    return _write_all(folder, OF_TRANSCRIPT, texts)


def _write_all(folder: ResultFolder, names: Sequence[str], texts: Sequence[str]) -> list[Path]:
    """Write the texts under these names, and no empty file; the paths."""
    files = dict(zip(names, texts, strict=True))
    for name in (name for name, text in files.items() if not text):
        folder.remove(name)
    return [folder.write(name, text) for name, text in files.items() if text]
