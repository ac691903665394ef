"""The page's own components, each a script and a style sheet of this folder."""

from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent


def _make(name: str) -> Any:
    return st.components.v2.component(
        f"longtake_{name}",
        css=(FOLDER / f"{name}.css").read_text(encoding="utf-8"),
        js=(FOLDER / f"{name}.js").read_text(encoding="utf-8"),
    )


show_view = _make("view")
"""A run: player, parts, summary; triggers `asked` (stop, resume) and `ended`."""
show_drop = _make("drop")
"""A place to drop a file; triggers `dropped`, with the id of the upload and the file's name."""
show_runs = _make("runs")
"""Earlier runs; triggers `opened` and `unwanted`, each with the id of a run."""
