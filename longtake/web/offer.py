"""Offers a model that sees, where none is here, before a run is started on this machine."""

import streamlit as st

from longtake.doctor.inspect import say_seconds
from longtake.doctor.offer import Offer, find_offer, never_offer
from longtake.models.fetch import fetch_model
from longtake.settings import Settings
from longtake.store import Store, store_path
from longtake.web.format import as_text
from longtake.web.navigation import errors_shown

OFFER_SECONDS = 300
"""How long it is taken for known what the hub answers."""
USUAL_SECONDS = 600.0
"""Of video, where its length is not known."""


def draw_offer(duration: float | None, settings: Settings) -> None:
    """What fetching the model costs and brings, and a button for it; nothing is fetched unasked."""
    offer = _find_offer(round(duration or USUAL_SECONDS), settings)
    if not offer:
        return
    of = "This video" if duration else "Ten minutes of video"
    time = f" {of} would take about {say_seconds(offer.seconds)} with it." if offer.seconds else ""
    st.markdown(
        as_text(
            "No model that sees is here: without one, only movement and large objects are told of."
            f" {offer.what} describes what people do and what is to be seen.{time}"
        )
    )
    with st.container(horizontal=True):
        if st.button("Fetch it", key="fetch-model"):
            _fetch(offer)
        if st.button("Never offer it", type="tertiary", key="never-offer"):
            never_offer()
            _find_offer.clear()
            st.rerun()


def _fetch(offer: Offer) -> None:
    """Fetch the model, with progress; what goes wrong is shown."""
    bar = st.progress(0.0, f"Fetching {as_text(offer.model.name)} …")

    def tell(done: int, total: int) -> None:
        bar.progress(min(1.0, done / max(1, total)), f"{done >> 20} of {total >> 20} MiB")

    with errors_shown():
        fetch_model(offer.model, tell)
        _find_offer.clear()
        st.rerun()


@st.cache_data(ttl=OFFER_SECONDS, show_spinner=False)
def _find_offer(duration: float, _settings: Settings) -> Offer | None:
    with Store(store_path()) as store:
        return find_offer(duration, _settings, store)
