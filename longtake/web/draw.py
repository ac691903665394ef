"""The Streamlit script: draws the first screen, or the run that the address names."""

import secrets
from contextlib import suppress

import streamlit as st

from longtake.errors import LongtakeError, UsageError
from longtake.runs.folder import Run, read_run
from longtake.settings import load_settings
from longtake.web.door import COOKIE, read_visitor
from longtake.web.navigation import follow_started, go, show_error
from longtake.web.progress import name_tab
from longtake.web.run_screen import draw_run
from longtake.web.search_screen import draw_search
from longtake.web.sidebar import draw_sidebar
from longtake.web.start_screen import draw_start

WIDEST = 1216
"""Pixels of a run's screen: what is wider is hard to read."""

LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 172 36" width="172" height="36">
<g fill="#4088ba"><rect y="6" width="34" height="24" rx="4"/>
<text x="44" y="26" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
 font-size="23" font-weight="700">Longtake</text></g>
<path d="M4 11h26M4 25h26" stroke="#fff" stroke-width="3" stroke-dasharray="3 3.6"/>
<path d="M14 14.5v7l6-3.5z" fill="#fff"/></svg>"""
"""The page's name, in a colour that can be read on light and on dark."""


def draw() -> None:
    """The page as it is now."""
    follow_started()
    named, words = st.query_params.get("run", ""), st.query_params.get("q")
    run = _find_run(named)
    title = name_tab(run) if run else "Longtake"
    st.set_page_config(title, "🎞️", layout="centered" if not named and words is None else "wide")
    st.logo(LOGO, size="large")
    try:
        settings = load_settings()
    except LongtakeError as error:
        show_error(error)
        return
    visitor = _visitor()
    draw_sidebar(named, visitor)
    if not named and words is not None:
        with st.container(horizontal_alignment="center"), st.container(width=WIDEST):
            draw_search(words)
    elif not named:
        draw_start(settings, visitor)
    elif run:
        with st.container(horizontal_alignment="center"), st.container(width=WIDEST):
            draw_run(run, visitor)
    else:
        st.warning("There is no such run: it may have been deleted.")
        st.button("Start a new one", on_click=go, args=("",))


def _find_run(named: str) -> Run | None:
    with suppress(UsageError):
        return read_run(named)
    return None


def _visitor() -> str:
    """The visitor's id: of the cookie, else one that lasts as long as the page is open."""
    known = read_visitor(f"{COOKIE}={st.context.cookies.get(COOKIE, '')}")
    return known or str(st.session_state.setdefault("visitor", secrets.token_hex(16)))


if __name__ == "__main__":
    draw()
