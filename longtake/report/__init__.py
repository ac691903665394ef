"""What a run leaves in its folder: tables, summaries, subtitles, pictures."""

from collections.abc import Mapping, Sequence

from longtake.records import Comparison, Description, Frame, Overview, Result, Transcript
from longtake.report.compare import comparison_as_csv, comparison_as_json
from longtake.report.csv import as_csv
from longtake.report.folder import DESCRIPTIONS, MadeWith, ResultFolder
from longtake.report.json import as_json, overview_as_json, transcript_as_json
from longtake.report.markdown import as_chapters, as_markdown
from longtake.report.pictures import as_png, draw_sheet, draw_strip
from longtake.report.transcript import as_srt, as_text, as_vtt, descriptions_as_vtt

__all__ = [
    "DESCRIPTIONS",
    "MadeWith",
    "ResultFolder",
    "as_json",
    "comparison_as_json",
    "overview_as_json",
    "transcript_as_json",
    "write_comparison",
    "write_descriptions",
    "write_pictures",
    "write_summary",
    "write_transcript",
]

OF_SUMMARY = ("summary.md", "summary.json", "report.html", "chapters.txt", "descriptions.vtt")
OF_COMPARISON = ("compare.html", "compare.csv", "compare.json")
OF_OVERVIEW = ("sheet.png", "strip.png")
OF_TRANSCRIPT = ("transcript.srt", "transcript.vtt", "transcript.txt")


def write_descriptions(folder: ResultFolder, descriptions: Sequence[Description]) -> None:
    """Write descriptions.csv. A summary of other descriptions than these goes away."""
    folder.write({DESCRIPTIONS: as_csv(descriptions)}, outdated=OF_SUMMARY)


def write_summary(
    folder: ResultFolder, result: Result, thumbs: Mapping[int, Frame] | None = None
) -> None:
    """Write what tells of the whole video."""
    from longtake.report.html import as_html

    texts = (
        as_markdown(result),
        as_json(result),
        as_html(result, thumbs or {}),
        as_chapters(result.summary),
        descriptions_as_vtt(result.descriptions),
    )
    folder.write(dict(zip(OF_SUMMARY, texts, strict=True)))


def write_comparison(folder: ResultFolder, comparison: Comparison) -> None:
    """Write compare.html, compare.csv and compare.json."""
    from longtake.report.compare_page import as_page

    texts = (as_page(comparison), comparison_as_csv(comparison), comparison_as_json(comparison))
    folder.write(dict(zip(OF_COMPARISON, texts, strict=True)))


def write_pictures(
    folder: ResultFolder, overview: Overview, frames: Sequence[Frame | None]
) -> None:
    """Write sheet.png, with a frame for each chunk, and strip.png."""
    cells = zip(overview.chunks, frames, strict=True)
    sheet = draw_sheet(cells, len(overview.chunks))
    strip = draw_strip(overview.video, overview.scan, overview.chunks)
    folder.write(dict(zip(OF_OVERVIEW, map(as_png, (sheet, strip)), strict=True)))


def write_transcript(folder: ResultFolder, transcript: Transcript) -> None:
    """Write transcript.srt, transcript.vtt and transcript.txt."""
    texts = (as_srt(transcript), as_vtt(transcript), as_text(transcript))
    folder.write(dict(zip(OF_TRANSCRIPT, texts, strict=True)))
