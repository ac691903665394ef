"""The files of a run: what a visitor may take away, and of which type each is."""

from dataclasses import dataclass
from pathlib import Path

from longtake.runs.folder import Run

FLOWS = {
    "independent": "Each chunk on its own (I)",
    "context": "With memory of earlier chunks (II)",
    "both": "Both, side by side",
}
"""What each flow is called, and a comparison of the two."""
FILES = (
    ("report.html", "Report (page, to send or print)"),
    ("summary.md", "Summary (Markdown)"),
    ("summary.json", "Summary (JSON)"),
    ("descriptions.csv", "Descriptions (CSV)"),
    ("descriptions.vtt", "Descriptions as subtitles (VTT)"),
    ("chapters.txt", "Chapters (YouTube's form)"),
    ("sheet.png", "Contact sheet (PNG)"),
    ("strip.png", "Shots and motion (PNG)"),
    ("transcript.txt", "Transcript (text)"),
    ("transcript.srt", "Transcript (SRT)"),
    ("transcript.vtt", "Transcript (VTT)"),
    ("compare.html", "Comparison (page)"),
    ("compare.csv", "Comparison (CSV)"),
    ("compare.json", "Comparison (JSON)"),
)
"""What a run's folder may hold for its reader, and what that is."""
SNIFFED_BYTES = 512
"""Of a file's beginning, by which it is known for a video."""
TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".json": "application/json",
    ".vtt": "text/vtt; charset=utf-8",
    ".srt": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".png": "image/png",
}


@dataclass(frozen=True)
class File:
    """A file to take away: its place under the run's results, what it is, its size."""

    place: str
    label: str
    path: Path
    bytes: int


def list_files(run: Run) -> list[File]:
    """What can be taken away, in the order of FILES; nothing else of the folder is served."""
    out = run.folder / "out"
    places = [(out, ""), *((arm, arm.name) for arm in sorted((out / "arms").glob("*")))]
    found = []
    for folder, arm in places:
        for name, label in FILES:
            path = folder / name
            if path.is_file() and not path.is_symlink():
                shown = f"{label}, {FLOWS.get(arm, arm)}" if arm else label
                place = path.relative_to(out).as_posix()
                found.append(File(place, shown, path, path.stat().st_size))
    return found


def say_bytes(count: int) -> str:
    """`1.4 GB`, `94 MB`, `12 kB`."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            value = count / size
            return f"{value:.1f} {unit}" if value < 10 and unit != "kB" else f"{value:.0f} {unit}"
    return f"{count} bytes"


def sniff_video(head: bytes) -> str:
    """The media type of what begins so; empty where it is no container of video known here."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "video/quicktime" if head[4:12] == b"ftypqt  " else "video/mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    for start, kind in (
        (b"OggS", "video/ogg"),
        (b"FLV", "video/x-flv"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv"),
        (b"\x00\x00\x01\xba", "video/mpeg"),
        (b"\x00\x00\x01\xb3", "video/mpeg"),
        (b"GIF8", "image/gif"),
        (b".RMF", "application/vnd.rn-realmedia"),
    ):
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "video/x-msvideo"
    is_transport = head[:1] == b"G" and head[188:189] in (b"G", b"")
    return "video/mp2t" if is_transport and len(head) > 188 else ""
