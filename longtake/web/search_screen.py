"""The screen of a search: one field over all runs, the moments found, and questions about all."""

import streamlit as st

from longtake.web.components import show_search
from longtake.web.door import base_path
from longtake.web.navigation import open_at, search


def draw_search(words: str) -> None:
    """The screen; its script asks the server by itself for what the visitor may search."""
    st.title("Search and ask")
    _draw("search", words, whole=True)


def draw_field() -> None:
    """The field alone, beside the other screens."""
    _draw("search-field", "", whole=False)


def _draw(key: str, words: str, *, whole: bool) -> None:
    asked = show_search(
        key=key,
        data={"base": base_path(), "words": words, "whole": whole},
        on_sought_change=lambda: None,
        on_opened_change=lambda: None,
    )
    if asked.sought:
        search(str(asked.sought["words"]))
        st.rerun()
    if asked.opened:
        open_at(str(asked.opened["run"]), float(asked.opened["at"]))
        st.rerun()
