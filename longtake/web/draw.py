"""The Streamlit script: draws the first screen, or the run that the address names."""

import secrets

import streamlit as st

from longtake.errors import LongtakeError, UsageError
from longtake.runs.folder import read_run
from longtake.settings import load_settings
from longtake.web.navigation import follow_started, go, show_error
from longtake.web.run_screen import draw_run
from longtake.web.server import COOKIE, read_visitor
from longtake.web.sidebar import draw_sidebar
from longtake.web.start_screen import draw_start

WIDEST = 1216
"""Pixels of a run's screen: what is wider is hard to read."""


def draw() -> None:
    """The page as it is now."""
    follow_started()
    named = st.query_params.get("run", "")
    st.set_page_config("Longtake", "🎞️", layout="wide" if named else "centered")
    try:
        settings = load_settings()
    except LongtakeError as error:
        show_error(error)
        return
    visitor = _visitor()
    draw_sidebar(named, visitor)
    if not named:
        draw_start(settings, visitor)
        return
    try:
        run = read_run(named)
    except UsageError:
        st.warning("There is no such run: it may have been deleted.")
        st.button("Start a new one", on_click=go, args=("",))
        return
    with st.container(horizontal_alignment="center"), st.container(width=WIDEST):
        draw_run(run, visitor)


def _visitor() -> str:
    """The visitor's id: of the cookie, else one that lasts as long as the page is open."""
    known = read_visitor(f"{COOKIE}={st.context.cookies.get(COOKIE, '')}")
    return known or str(st.session_state.setdefault("visitor", secrets.token_hex(16)))


if __name__ == "__main__":
    draw()
