"""The Streamlit script: draws the first screen, or the run that the address names."""

import secrets
from collections.abc import Mapping
from typing import Any

import streamlit as st

from longtake.errors import LongtakeError, UsageError
from longtake.runs import Run, delete, list_runs, read_run, resume, stop
from longtake.settings import Settings, load_settings
from longtake.web import choices, uploads, values
from longtake.web.choices import Choice
from longtake.web.parts import show_drop, show_view
from longtake.web.server import COOKIE, base_path, is_own_machine, read_visitor
from longtake.web.values import as_text

STYLE = """<style>
.stMainBlockContainer { max-width: 76rem; margin: 0 auto; padding-left: 2.2rem;
  padding-right: 2.2rem }
.stMainBlockContainer:has(.st-key-first) { max-width: 46rem }
.st-key-first h1 { font-size: clamp(1.55rem, 5vw, 2rem); padding-bottom: .25rem }
.stSidebar [data-testid="stVerticalBlock"] { gap: .2rem }
.stSidebar .stCaption, .stSidebar [data-testid="stCaptionContainer"] { margin-bottom: .5rem }
[class*="st-key-open-"] button { padding-left: .5rem }
[class*="st-key-open-"] button, [class*="st-key-open-"] button * { justify-content: flex-start;
  text-align: left }
[class*="st-key-row-"] { flex-wrap: nowrap; min-width: 0 }
[class*="st-key-row-"] > :first-child { flex: 1 1 0; min-width: 0 }
[class*="st-key-row-"] > :last-child { flex: none; width: auto }
[class*="st-key-when-"] { margin: .1rem 0 .3rem .55rem }
[data-testid="InputInstructions"] { display: none }
.stApp [data-testid="stCaptionContainer"] { opacity: .72 }
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem }
}
</style>"""
SHOWN_RUNS = 30
REFRESH_SECONDS = 3
ROW_PIXELS = 72  # three lines of a description


def draw() -> None:
    """The page as it is now."""
    st.set_page_config(
        page_title="Longtake", page_icon="🎞️", layout="wide", initial_sidebar_state="auto"
    )
    st.html(STYLE)
    try:
        settings = load_settings()
    except LongtakeError as error:
        _say_error(error)
        return
    visitor = _visitor()
    if going := st.session_state.pop("going", ""):
        _go(going)
    named = st.query_params.get("run", "")
    _draw_sidebar(named, visitor)
    if not named:
        _draw_first(settings, visitor)
        return
    try:
        run = read_run(named)
    except UsageError:
        st.warning("There is no such run: it may have been deleted.")
        st.button("Start a new one", on_click=_go, args=("",))
        return
    _draw_run(run, visitor)


def _visitor() -> str:
    """Who this is: by the cookie, and without one only for as long as the page is open."""
    known = read_visitor(f"{COOKIE}={st.context.cookies.get(COOKIE, '')}")
    return known or str(st.session_state.setdefault("visitor", secrets.token_hex(16)))


def _go(run: str) -> None:
    """Make the address that of a run, or of the first screen."""
    if run:
        st.query_params["run"] = run
    else:
        st.query_params.clear()


def _say_error(error: LongtakeError) -> None:
    said, hint = choices.say_error(error)
    st.error(f"{as_text(said)}\n\n{as_text(hint)}" if hint else as_text(said))


# --- earlier runs -----------------------------------------------------------------------------


def _draw_sidebar(named: str, visitor: str) -> None:
    with st.sidebar:
        st.button("New video", icon=":material/add:", on_click=_go, args=("",), width="stretch")
        runs = list_runs(None if is_own_machine() else visitor)
        alive = any(run.state not in values.ENDED for run in runs)
        st.fragment(_draw_earlier, run_every=REFRESH_SECONDS if alive else None)(named, visitor)


def _draw_earlier(named: str, visitor: str) -> None:
    runs = list_runs(None if is_own_machine() else visitor)
    if not runs:
        st.caption("Earlier runs will be listed here.")
        return
    st.caption("Earlier runs")
    everything = len(runs) > SHOWN_RUNS and st.toggle(f"Show all {len(runs)}")
    for run in runs if everything else runs[:SHOWN_RUNS]:
        with st.container(
            key=f"row-{run.id}", horizontal=True, vertical_alignment="center", gap="small"
        ):
            st.button(
                values.name_run(run),
                key=f"open-{run.id}",
                help=values.say_run(run),
                type="secondary" if run.id == named else "tertiary",
                on_click=_go,
                args=(run.id,),
                width="stretch",
            )
            if st.button(
                "", key=f"delete-{run.id}", icon=":material/delete:", type="tertiary",
                help="Delete this run",
            ):  # fmt: skip
                _ask_to_delete(run)
        with st.container(key=f"when-{run.id}"):
            st.caption(values.say_run(run))


@st.dialog("Delete this run?")
def _ask_to_delete(run: Run) -> None:
    st.markdown(values.name_run(run))
    st.caption("Its results, its pictures and an uploaded video go with it.")
    yes, no = st.columns(2)
    if yes.button("Delete", type="primary", width="stretch"):
        try:
            stop(run.id)
            delete(run.id)
        except LongtakeError as error:
            _say_error(error)
            return
        if st.query_params.get("run") == run.id:
            _go("")
        st.rerun()
    if no.button("Keep it", width="stretch"):
        st.rerun()


# --- the first screen -------------------------------------------------------------------------


def _draw_first(settings: Settings, visitor: str) -> None:
    with st.container(key="first"):
        st.title("What happens in this video?")
        st.markdown(
            "Paste a link, get a summary: each sentence leads to the moment that it rests on."
        )
        _draw_source(settings)
        choice: Choice | None = st.session_state.get("choice")
        if error := st.session_state.get("trouble"):
            _say_error(error)
        place = st.container()
        wishes = _draw_wishes(settings)
        with place:
            if choice:
                _draw_choice(choice, wishes, settings, visitor)


def _draw_source(settings: Settings) -> None:
    own = is_own_machine()
    with st.form("link", border=False, enter_to_submit=True):
        field, button = st.columns([5, 1], vertical_alignment="bottom")
        text = field.text_input(
            "Paste a link",
            placeholder="https://…" + (", or the name of a file on this computer" if own else ""),
            key="pasted",
        )
        looked = button.form_submit_button("Look", width="stretch")
    dropped = show_drop(
        key="drop",
        data={"base": base_path(), "most": settings.page_upload_bytes},
        on_dropped_change=lambda: None,
    )
    if dropped.dropped:
        _choose(lambda: choices.look_at_upload(dropped.dropped["upload"], dropped.dropped["name"]))
    elif looked:
        _choose(lambda: choices.look_at(text, settings, own))


def _choose(look: Any) -> None:
    _drop_upload()
    _forget()
    try:
        with st.spinner("Looking at it …"):
            st.session_state["choice"] = look()
    except LongtakeError as error:
        st.session_state["trouble"] = error


def _draw_wishes(settings: Settings) -> dict[str, Any]:
    """The choices that every run has; what was chosen, by the names of the settings."""
    flows = list(values.FLOWS)
    flow = st.radio(
        "How to go through it",
        flows,
        index=flows.index(settings.flow),
        format_func=values.FLOWS.__getitem__,
        captions=[values.FLOW_HINTS[name] for name in flows],
        key="flow",
    )
    engines = {choice.value: choice for choice in values.list_engines(settings)}
    engine = st.selectbox(
        "Who describes the pictures",
        list(engines),
        index=list(engines).index(settings.engine),
        format_func=lambda name: engines[name].label,
        key="engine",
    )
    st.caption(as_text(engines[engine].hint))
    return {"flow": flow, "engine": engine, **_draw_more(settings)}


def _draw_more(settings: Settings) -> dict[str, Any]:
    lengths = list(values.LENGTHS)
    with st.expander("More settings"):
        length = st.segmented_control(
            "Length of the summary",
            lengths,
            default=settings.length,
            format_func=values.LENGTHS.__getitem__,
            key="length",
        )
        language = st.text_input(
            "Language of the summary", settings.language, placeholder="the model's choice",
            max_chars=100, key="language",
        )  # fmt: skip
        focus = st.text_input(
            "What you want to know of it", settings.focus, max_chars=500, key="focus"
        )
        speech = st.toggle("Listen to what is said", settings.speech != "off", key="speech")
        text = st.toggle("Read what is written", settings.read_text != "off", key="text")
    return {
        "length": length or settings.length,
        "language": language,
        "focus": focus,
        "speech": _switch(settings.speech, speech),
        "read_text": _switch(settings.read_text, text),
    }


def _switch(value: str, on: bool) -> str:
    if not on:
        return "off"
    return "auto" if value == "off" else value


def _draw_choice(
    choice: Choice, wishes: Mapping[str, Any], settings: Settings, visitor: str
) -> None:
    with st.container(border=True, key="choice"):
        st.markdown(f"##### {as_text(choice.title)}")
        st.caption(as_text(" · ".join(choices.say_facts(choice))))
        if choice.entries:
            _draw_entries(choice, settings)
            return
        try:
            guess = choices.guess(choice, choices.apply_wishes(settings, wishes))
        except LongtakeError as error:
            _say_error(error)
            return
        st.markdown(as_text(choices.say_guess(guess, wishes["flow"], whole=bool(choice.duration))))
        with st.container(horizontal=True):
            if st.button("Start", type="primary", key="start"):
                _start(lambda: choices.start(choice, wishes, visitor))
            st.button("Choose another", type="tertiary", on_click=_choose_another)


def _draw_entries(choice: Choice, settings: Settings) -> None:
    number = st.selectbox(
        "Which of them",
        range(len(choice.entries)),
        format_func=lambda n: f"{n + 1}. {choice.entries[n][1]}",
    )
    if st.button("Take this one", type="primary"):
        link = choices.choose_entry(choice, number)
        _choose(lambda: choices.look_at(link, settings, own_machine=False))
        st.rerun()


def _choose_another() -> None:
    _drop_upload()
    _forget()


def _drop_upload() -> None:
    """What was dropped and not started is of no use any more."""
    choice: Choice | None = st.session_state.get("choice")
    if choice and choice.upload:
        uploads.drop(choice.upload)


def _forget() -> None:
    st.session_state["choice"] = st.session_state["trouble"] = None


def _start(start: Any) -> None:
    try:
        run = start()
    except LongtakeError as error:
        _say_error(error)
        return
    _forget()
    st.session_state["going"] = run  # a second click may end this before the address is changed
    _go(run)
    st.rerun()


# --- a run ------------------------------------------------------------------------------------


def _draw_run(run: Run, visitor: str) -> None:
    mine = is_own_machine() or run.asked.visitor == visitor
    asked = show_view(
        key=f"view-{run.id}",
        data={"id": run.id, "base": base_path(), "state": run.state, "mine": mine},
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
    try:
        {"stop": stop, "resume": resume}[what](run.id)
    except LongtakeError as error:
        _say_error(error)
        return
    st.rerun()


def _draw_tables(run: Run, visitor: str) -> None:
    tables = dict(values.list_tables(run))
    if not tables:
        return
    with st.expander("Edit the descriptions, and summarise again"):
        name = next(iter(tables))
        if len(tables) > 1:
            name = st.selectbox("Whose descriptions", list(tables))
        table = tables[name]
        try:
            rows = values.read_table(table)
        except LongtakeError as error:
            _say_error(error)
            return
        st.caption("Only the descriptions can be changed; the video is not looked at again.")
        edited = st.data_editor(
            [values.show_row(row) for row in rows],
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
        changed = values.count_edits(rows, texts)
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Summarise again", type="primary", key="again"):
                _start(lambda: choices.start_again(run, table, texts, visitor))
            st.caption(values.say_edits(changed))


if __name__ == "__main__":
    draw()
