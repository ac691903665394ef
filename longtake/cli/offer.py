"""Asks, where a person sits at the terminal, whether a better describer is to be fetched first."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from longtake.cli.bars import fetch_with_bar, note
from longtake.errors import LongtakeError, ModelError, OutputError
from longtake.links.addresses import is_link
from longtake.settings import Settings

if TYPE_CHECKING:
    from longtake.doctor.offer import Offer
    from longtake.store import Store

USUAL_SECONDS = 600.0
"""Of video, where its length is not known yet."""
ANSWERS = ("yes", "no", "never")


def offer_describer(sources: Sequence[str], settings: Settings, store: "Store") -> None:
    """Offer a vision-language model once, where none is here and somebody can answer."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return
    from longtake.doctor.offer import find_offer

    seconds = _find_length(sources)
    if offer := find_offer(seconds or USUAL_SECONDS, settings, store):
        answer_offer(offer, "this video" if seconds else "ten minutes of video")


def answer_offer(offer: "Offer", of: str) -> None:
    """Ask, and do as the user says; where the model can't be had, the run goes on without it."""
    from longtake.doctor.inspect import say_seconds
    from longtake.doctor.offer import never_offer

    note("No model that sees is here: without one, only movement and large objects are told of.")
    time = f"; {of} would take about {say_seconds(offer.seconds)} with it" if offer.seconds else ""
    note(f"{offer.what} describes what people do and what is to be seen{time}.")
    answer = click.prompt(
        f"Fetch it now? {', '.join(ANSWERS)}", value_proc=_read_answer, default="no", err=True
    )
    if answer == "never":
        never_offer()
    if answer == "yes":
        try:
            fetch_with_bar(offer.model)
        except (ModelError, OutputError) as error:
            note(f"note: {error.message} It goes on without.")


def _read_answer(text: str) -> str:
    """One of the answers, of which the first letters do; `n` is no."""
    for answer in ANSWERS:
        if text.strip() and answer.startswith(text.strip().casefold()):
            return answer
    raise click.BadParameter(f"{text!r} is none of {', '.join(ANSWERS)}")


def _find_length(sources: Sequence[str]) -> float:
    """Of the one file, in seconds; 0 for several, for a link, and for what can't be read."""
    if len(sources) == 1 and not is_link(sources[0]):
        from longtake.video.probe import probe
        from longtake.video.source import check_file

        with suppress(LongtakeError):
            return probe(check_file(sources[0]), "")[0].duration
    return 0.0
