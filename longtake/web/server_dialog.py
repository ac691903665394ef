"""The dialog that connects a server: address, key, a test, and the models that it lists."""

import streamlit as st

from longtake.doctor.servers import Server
from longtake.runs.servers import choose, forget, list_connected
from longtake.settings import Settings
from longtake.text.plurals import say_count
from longtake.web.describers import ask_server, connect_model, list_seeing, say_risk
from longtake.web.format import as_text
from longtake.web.navigation import errors_shown

KEPT = "Remembered on this machine, in a file that only you may read. Forgotten when you say so."


def ask_for_server(settings: Settings) -> None:
    """Open the dialog, with nothing tested yet."""
    _forget_test()
    _draw_dialog(settings)


def _forget_test() -> None:
    st.session_state.pop("tested", None)


@st.dialog("Connect a server", on_dismiss=_forget_test)
def _draw_dialog(settings: Settings) -> None:
    st.caption("Ollama, vLLM, llama.cpp, LM Studio, or a cloud with an OpenAI-compatible address.")
    with st.form("server", border=False):
        address = st.text_input(
            "Address", placeholder="http://127.0.0.1:8000/v1", key="server-address"
        )
        key = st.text_input(
            "Key", type="password", placeholder="only if it wants one", key="server-key"
        )
        asked = st.form_submit_button("Test", key="server-test")
    if asked:
        _forget_test()
        with errors_shown(), st.spinner("Asking what it has …"):
            st.session_state["tested"] = (ask_server(address, key), key)
    if tested := st.session_state.get("tested"):
        server, its_key = tested  # as they were tested, whatever the fields say now
        _draw_models(server, its_key, settings)
    _draw_connected()


def _draw_models(server: Server, key: str, settings: Settings) -> None:
    """What the tested server lists; one of them is taken once it has looked at a picture."""
    sees = list_seeing(server)
    blind = len(server.models) - len(sees)
    named = f"{server.kind} answers" if server.kind else "The server answers"
    st.success(f"{named}: {say_count(len(server.models), 'model')}.", icon=":material/check:")
    if not sees:
        st.error("None of its models takes images, so none can describe a video.")
        return
    model = st.selectbox("Model", sees, key="server-model")
    if blind:
        st.caption(f"{say_count(blind, 'model')} without vision left out.")
    st.caption(KEPT)
    if risk := say_risk(server, key):
        st.warning(risk)
    if st.button("Use it", type="primary", key="server-use"):
        with errors_shown(), st.spinner("Showing it a tiny picture; it may have to load first …"):
            describer = connect_model(server, model, key, settings)
            choose(describer.value)
            st.session_state["connected"] = describer.value
            _forget_test()
            st.rerun()


def _draw_connected() -> None:
    """The servers that are remembered, each with a button to forget it."""
    for number, known in enumerate(list_connected()):
        with st.container(horizontal=True, vertical_alignment="center"):
            models = as_text(", ".join(known.models))
            st.markdown(f"{as_text(known.address)}  \n{models}")
            if st.button("Forget", key=f"server-forget-{number}"):
                with errors_shown():
                    forget(known.address)
                    st.rerun()
