"""The screen of a run: how it goes on, its result, and its table to edit and summarise again."""

import streamlit as st

from longtake.runs.files import list_files
from longtake.runs.folder import Run, resume, stop
from longtake.text.plurals import say_count
from longtake.web import choices
from longtake.web.components import show_view
from longtake.web.door import base_path, is_own_machine
from longtake.web.navigation import errors_shown, read_second, start
from longtake.web.table import count_edits, read_table, show_row

ROW_PIXELS = 72  # three lines of a description


def draw_run(run: Run, visitor: str) -> None:
    """The screen of a run; only its visitor can stop it or let it go on."""
    mine = is_own_machine() or run.asked.visitor == visitor
    asked = show_view(
        key=f"view-{run.id}",
        data={
            "id": run.id,
            "base": base_path(),
            "state": run.state,
            "mine": mine,
            "at": read_second(),
        },
        on_asked_change=lambda: None,
        on_ended_change=lambda: None,
    )
    if asked.asked and mine:
        _act(run, asked.asked["what"])
    if run.state == "done" and asked.ended is None:
        _draw_tables(run, visitor)
    elif run.state == "done":
        st.rerun()


def _act(run: Run, what: str) -> None:
    with errors_shown():
        {"stop": stop, "resume": resume}[what](run.id)
        st.rerun()


def _draw_tables(run: Run, visitor: str) -> None:
    files = list_files(run)
    tables = {file.label: file.path for file in files if file.path.name == "descriptions.csv"}
    if not tables:
        return
    with st.expander("Edit the descriptions"), errors_shown():
        name = next(iter(tables))
        if len(tables) > 1:
            name = st.selectbox("Whose descriptions", list(tables))
        table = tables[name]
        rows = read_table(table)
        st.caption("Only the descriptions can be changed; the video is not looked at again.")
        edited = st.data_editor(
            [show_row(row) for row in rows],
            key=f"table-{run.id}-{name}",
            hide_index=True,
            num_rows="fixed",
            row_height=ROW_PIXELS,
            disabled=["Chunk", "From", "To"],
            column_config={
                "Chunk": st.column_config.NumberColumn(width=64),
                "From": st.column_config.TextColumn(width=72),
                "To": st.column_config.TextColumn(width=72),
                "Description": st.column_config.TextColumn(width="large"),
            },
        )
        texts = {int(row["Chunk"]): str(row["Description"] or "") for row in edited}
        changed = count_edits(rows, texts)
        if not changed:
            st.caption("Change one, and the summary can be written again from what stands here.")
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Summarise again", type="primary", key="again"):
                start(lambda: choices.start_again(run, table, texts, visitor))
            st.caption(f"{say_count(changed, 'description')} changed")
