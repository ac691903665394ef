"""What all screens of the page do: lead to another one, start a run, say what went wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from longtake.errors import LongtakeError
from longtake.text.untrusted import one_line
from longtake.web.format import as_text, sentence_case

MOST_WORDS = 4000
"""Letters of a search in an address; so many are too many to look for, and that is said."""


def go(run: str) -> None:
    """Make the address that of a run, or of the first screen where it is empty."""
    st.query_params.from_dict({"run": run} if run else {})


def open_at(run: str, at: float) -> None:
    """Make the address that of a second of a run."""
    st.query_params.from_dict({"run": run, "at": f"{at:g}"})


def search(words: str) -> None:
    """Make the address that of a search in all runs."""
    st.query_params.from_dict({"q": words[:MOST_WORDS]})


def read_second() -> float | None:
    """The second of a run that the address names, if it names one."""
    try:
        at = float(st.query_params.get("at", ""))
    except ValueError:
        return None
    return at if 0 <= at < float("inf") else None


def follow_started() -> None:
    """Go to the run that was started last, if another click came before its address was set."""
    if run := st.session_state.pop("going", ""):
        go(run)


def start(submit: Callable[[], str]) -> None:
    """Put a run into the queue and go to it; what is wrong with it is shown."""
    with errors_shown():
        run = submit()
        forget_choice()
        st.session_state["going"] = run  # a second click may end this before the address is changed
        go(run)
        st.rerun()


def forget_choice() -> None:
    """Clear the choice of a video, and the error that came with it."""
    st.session_state["choice"] = st.session_state["trouble"] = None


@contextmanager
def errors_shown() -> Iterator[None]:
    """A LongtakeError ends the block, and is shown where it stands on the page."""
    try:
        yield
    except LongtakeError as error:
        show_error(error)


def show_error(error: LongtakeError) -> None:
    """What happened and what to do, each as a sentence."""
    said, hint = one_line(error.message), one_line(error.hint)
    st.error("\n\n".join(map(as_text, filter(None, (sentence_case(said), hint)))))
