"""The first screen: what to look at, how to go through it, and the start."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from longtake.doctor.servers import Server
from longtake.engines import AUTO
from longtake.errors import LongtakeError
from longtake.runs import uploads
from longtake.runs.files import FLOWS
from longtake.runs.folder import list_runs
from longtake.runs.servers import choose, list_connected, read_chosen
from longtake.settings import Settings
from longtake.web import choices
from longtake.web.choices import Choice
from longtake.web.components import show_drop
from longtake.web.describers import Describer, find_nearby, list_barred, list_describers
from longtake.web.door import base_path, is_own_machine
from longtake.web.format import as_text
from longtake.web.navigation import errors_shown, forget_choice, show_error, start
from longtake.web.offer import draw_offer
from longtake.web.server_dialog import ask_for_server

FLOW_HINTS = {
    "independent": "Quickest: chunks are described one by one, in any order",
    "context": "Follows people and things from chunk to chunk; costs more",
    "both": "Two summaries, and what the difference is worth",
}
NEARBY_SECONDS = 30
"""How long it is taken for known which servers answer on this machine."""
LENGTHS = {"short": "Short", "medium": "Medium", "long": "Long"}


def draw_start(settings: Settings, visitor: str) -> None:
    """The screen; the choice stands above the form that its estimate depends on."""
    st.title("What happens in this video?")
    st.markdown("Paste a link, get a summary: each sentence leads to the moment that it rests on.")
    _draw_source(settings, visitor)
    if error := st.session_state.get("trouble"):
        show_error(error)
    place = st.container()
    form = _draw_form(settings)
    if choice := st.session_state.get("choice"):
        with place:
            _draw_choice(choice, form, settings, visitor)


def _draw_source(settings: Settings, visitor: str) -> None:
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
        _choose(lambda: choices.inspect_upload(dropped.dropped["upload"], dropped.dropped["name"]))
    elif looked:
        _choose(lambda: choices.inspect(text, settings, own, visitor))
    elif not list_runs(None if own else visitor) and not st.session_state.get("choice"):
        _offer_sample()


def _offer_sample() -> None:
    """To who has no runs yet; a film that is here, or can be drawn."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Try a sample", key="sample", icon=":material/movie:", on_click=_take_sample)
        st.caption(f"{choices.SAMPLES[choices.name_sample()]}. Nothing is downloaded.")


def _take_sample() -> None:
    _choose(choices.choose_sample)


def _choose(look: Callable[[], Choice]) -> None:
    _drop_choice()
    try:
        with st.spinner("Looking at it …"):
            st.session_state["choice"] = look()
    except LongtakeError as error:
        st.session_state["trouble"] = error


def _draw_form(settings: Settings) -> dict[str, Any]:
    """The settings that every run has; the values of the form by their names."""
    describer = _draw_describers(settings)
    barred = list_barred(describer.engine, settings)
    flows = list(FLOWS)
    if reason := barred.get("flow"):
        flow = "independent"
        _draw_flows(flows, flow, key="flow-barred", disabled=True)
        st.caption(as_text(reason))
    else:
        flow = _draw_flows(flows, settings.flow, key="flow")
    return {"flow": flow, **describer.settings, **_draw_more(settings, barred)}


def _draw_flows(flows: list[str], flow: str, *, key: str, disabled: bool = False) -> str:
    return st.radio(
        "How to go through it",
        flows,
        index=flows.index(flow),
        format_func=FLOWS.__getitem__,
        captions=None if disabled else [FLOW_HINTS[name] for name in flows],
        key=key,
        disabled=disabled,
    )


def _draw_describers(settings: Settings) -> Describer:
    """Who describes; on the user's own machine also servers, and what was chosen last."""
    own = is_own_machine()
    found = _find_nearby((settings.base_url, settings.ollama_url), settings) if own else ()
    offered = list_describers(settings, found, list_connected() if own else ())
    describers = {describer.value: describer for describer in offered}
    if connected := st.session_state.pop("connected", ""):
        st.session_state["engine"] = connected
    last = read_chosen() if own and settings.engine == AUTO else ""
    field, beside = st.columns([5, 2], vertical_alignment="bottom")
    value = field.selectbox(
        "Who describes the pictures",
        list(describers),
        index=list(describers).index(last if last in describers else settings.engine),
        format_func=lambda name: describers[name].label,
        key="engine",
        on_change=_remember_describer if own else None,
    )
    if own and beside.button("Connect a server", key="connect", width="stretch"):
        ask_for_server(settings)
    st.caption(as_text(describers[value].hint))
    return describers[value]


def _remember_describer() -> None:
    with errors_shown():
        choose(st.session_state["engine"])


@st.cache_data(ttl=NEARBY_SECONDS, show_spinner=False)
def _find_nearby(named: tuple[str, str], _settings: Settings) -> tuple[Server, ...]:
    return find_nearby(_settings)


def _draw_more(settings: Settings, barred: Mapping[str, str]) -> dict[str, Any]:
    lengths = list(LENGTHS)
    with st.expander("More settings"):
        length = st.segmented_control(
            "Length of the summary",
            lengths,
            default=settings.length,
            format_func=LENGTHS.__getitem__,
            key="length",
        )
        language = _draw_language(settings, barred.get("language", ""))
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


def _draw_language(settings: Settings, reason: str) -> str:
    name = "Language of the summary"
    if reason:
        st.text_input(name, placeholder="the video's", disabled=True, key="language-barred")
        st.caption(as_text(reason))
        return settings.language
    return st.text_input(
        name, settings.language, placeholder="the model's choice", max_chars=100, key="language"
    )


def _switch(value: str, on: bool) -> str:
    if not on:
        return "off"
    return "auto" if value == "off" else value


def _draw_choice(choice: Choice, form: Mapping[str, Any], settings: Settings, visitor: str) -> None:
    with st.container(border=True, key="choice"), errors_shown():
        st.markdown(f"##### {as_text(choice.title)}")
        st.caption(as_text(" · ".join(choices.say_facts(choice))))
        if choice.entries:
            _draw_entries(choice, settings, visitor)
            return
        if is_own_machine() and form["engine"] == AUTO:
            draw_offer(choice.duration, settings)
        guess = choices.guess(choice, form, settings)
        st.markdown(as_text(choices.say_guess(guess, form["flow"], whole=bool(choice.duration))))
        with st.container(horizontal=True):
            if st.button("Start", type="primary", key="start"):
                start(lambda: choices.start(choice, form, visitor))
            st.button("Choose another", type="tertiary", on_click=_drop_choice)


def _draw_entries(choice: Choice, settings: Settings, visitor: str) -> None:
    number = st.selectbox(
        "Which of them",
        range(len(choice.entries)),
        format_func=lambda n: f"{n + 1}. {choice.entries[n][1]}",
    )
    if st.button("Take this one", type="primary"):
        link, _ = choice.entries[number]
        _choose(lambda: choices.inspect(link, settings, False, visitor))
        st.rerun()


def _drop_choice() -> None:
    """Clear the choice, and delete an upload that no run was started on."""
    choice: Choice | None = st.session_state.get("choice")
    if choice and choice.upload:
        uploads.drop(choice.upload)
    forget_choice()
