"""The list of earlier runs beside every screen: open one, delete one."""

import streamlit as st

from longtake.runs.folder import ENDED, Run, delete, list_runs, stop
from longtake.web.components import show_runs
from longtake.web.door import base_path, is_own_machine
from longtake.web.library import has_videos
from longtake.web.navigation import errors_shown, go
from longtake.web.progress import name_run, show_row
from longtake.web.search_screen import draw_field

SHOWN_RUNS = 30
REFRESH_SECONDS = 3


def draw_sidebar(named: str, visitor: str) -> None:
    """The button for a new run, and the runs; drawn anew by themselves while one is at work."""
    with st.sidebar:
        st.button("New video", icon=":material/add:", on_click=go, args=("",), width="stretch")
        runs = list_runs(None if is_own_machine() else visitor)
        if "q" not in st.query_params and has_videos(runs, is_own_machine()):
            draw_field()
        alive = any(run.state not in ENDED for run in runs)
        st.fragment(_draw_earlier, run_every=REFRESH_SECONDS if alive else None)(named, visitor)


def _draw_earlier(named: str, visitor: str) -> None:
    runs = list_runs(None if is_own_machine() else visitor)
    if not runs:
        st.caption("Earlier runs will be listed here.")
        return
    st.caption("Earlier runs")
    everything = len(runs) > SHOWN_RUNS and st.toggle(f"Show all {len(runs)}")
    shown = runs if everything else runs[:SHOWN_RUNS]
    asked = show_runs(
        key="runs",
        data={"base": base_path(), "current": named, "runs": [show_row(run) for run in shown]},
        on_opened_change=lambda: None,
        on_unwanted_change=lambda: None,
    )
    if asked.opened and (run := _find(asked.opened, shown)):
        go(run.id)
        st.rerun()
    elif asked.unwanted and (run := _find(asked.unwanted, shown)):
        _ask_to_delete(run)


def _find(asked: dict[str, object], runs: list[Run]) -> Run | None:
    """The run that a click was for, of those that the visitor was shown."""
    return next((run for run in runs if run.id == asked.get("run")), None)


@st.dialog("Delete this run?")
def _ask_to_delete(run: Run) -> None:
    st.markdown(name_run(run))
    st.caption("Its results, its pictures and an uploaded video go with it.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Delete", key="delete", icon=":material/delete:"):
            with errors_shown():
                stop(run.id)
                delete(run.id)
                if st.query_params.get("run") == run.id:
                    go("")
                st.rerun()
        if st.button("Keep it", type="primary", key="keep"):
            st.rerun()
