"""The page's own components, each of scripts and style sheets of this folder."""

from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent


def _make(name: str, *parts: str) -> Any:
    """A component of these files, read one after the other; one of them has its entry."""
    return st.components.v2.component(
        f"longtake_{name}",
        css=_read("css", *(parts or [name])),
        js=_read("js", *(parts or [name])),
    )


def _read(kind: str, *names: str) -> str:
    paths = [FOLDER / f"{name}.{kind}" for name in names]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())


show_view = _make("view", "elements", "view", "player", "transcript", "ask")
"""A run: player, parts, summary,
transcript, questions; triggers `asked` (stop, resume) and `ended`."""
show_search = _make("search", "elements", "ask", "search")
"""Search and questions in all runs; triggers `sought` (words) and `opened` (a run, a second)."""
show_drop = _make("drop")
"""A place to drop a file; triggers `dropped`, with the id of the upload and the file's name."""
show_runs = _make("runs")
"""Earlier runs; triggers `opened` and `unwanted`, each with the id of a run."""
