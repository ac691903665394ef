"""The list of earlier runs beside every screen: open one, delete one."""

import streamlit as st

from longtake.runs.folder import ENDED, Run, delete, list_runs, stop
from longtake.web.navigation import errors_shown, go
from longtake.web.progress import name_run, say_run
from longtake.web.server import is_own_machine

SHOWN_RUNS = 30
REFRESH_SECONDS = 3


def draw_sidebar(named: str, visitor: str) -> None:
    """The button for a new run, and the runs; drawn anew by themselves while one is at work."""
    with st.sidebar:
        st.button("New video", icon=":material/add:", on_click=go, args=("",), width="stretch")
        runs = list_runs(None if is_own_machine() else visitor)
        alive = any(run.state not in ENDED for run in runs)
        st.fragment(_draw_earlier, run_every=REFRESH_SECONDS if alive else None)(named, visitor)


def _draw_earlier(named: str, visitor: str) -> None:
    runs = list_runs(None if is_own_machine() else visitor)
    if not runs:
        st.caption("Earlier runs will be listed here.")
        return
    st.caption("Earlier runs")
    everything = len(runs) > SHOWN_RUNS and st.toggle(f"Show all {len(runs)}")
    for run in runs if everything else runs[:SHOWN_RUNS]:
        _draw_row(run, named)


def _draw_row(run: Run, named: str) -> None:
    """Its title, which leads to it, with what became of it; and a button to delete it."""
    with st.container(horizontal=True, wrap=False, gap="xxsmall"):
        with st.container(gap=None):
            st.button(
                name_run(run),
                key=f"open-{run.id}",
                type="secondary" if run.id == named else "tertiary",
                on_click=go,
                args=(run.id,),
                wrap=False,
            )
            st.caption(say_run(run))
        if st.button(
            "", key=f"delete-{run.id}", icon=":material/delete:", type="tertiary",
            help="Delete this run",
        ):  # fmt: skip
            _ask_to_delete(run)


@st.dialog("Delete this run?")
def _ask_to_delete(run: Run) -> None:
    st.markdown(name_run(run))
    st.caption("Its results, its pictures and an uploaded video go with it.")
    yes, no = st.columns(2)
    if yes.button("Delete", type="primary", width="stretch"):
        with errors_shown():
            stop(run.id)
            delete(run.id)
            if st.query_params.get("run") == run.id:
                go("")
            st.rerun()
    if no.button("Keep it", width="stretch"):
        st.rerun()
