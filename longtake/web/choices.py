"""What a visitor can choose, what is known of it before it starts, and the run it becomes."""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from longtake.doctor.estimate import Estimate, estimate, name_engine
from longtake.errors import LinkError, LongtakeError, UsageError
from longtake.links.addresses import check_link, is_link
from longtake.links.metadata import look
from longtake.pipeline.sources import choose_needs
from longtake.runs import uploads
from longtake.runs.files import say_bytes
from longtake.runs.folder import Asked, Run, list_runs, submit
from longtake.runs.outcomes import list_earlier
from longtake.runs.progress import name_source
from longtake.settings import Settings, change_settings
from longtake.store import Store, store_path
from longtake.text.untrusted import one_line
from longtake.timecode import format_time
from longtake.video.apart import probe_apart
from longtake.video.sample import make_sample
from longtake.video.source import check_file
from longtake.web.format import say_seconds
from longtake.web.table import edit_table

INSPECTIONS_AT_ONCE, OF_VISITOR = 8, 2
PATIENCE_SECONDS = 60.0
NEWEST_RUNS = 20
"""Earlier runs that an estimate rests on."""
USUAL_SIDE = 512
"""Longest side in pixels that most engines look at."""
SAMPLE = Path(__file__).parents[2] / "examples" / "lecture.mp4"
"""Lies there in a clone alone."""
LECTURE, DRAWN = "lecture.mp4", "bay.mp4"
SAMPLES = {
    LECTURE: "A lecture of a minute and a half on how bridges carry weight",
    DRAWN: "A day at the bay in half a minute, drawn for you now",
}
"""By what each is called, what it shows."""
_inspections = threading.BoundedSemaphore(INSPECTIONS_AT_ONCE)
_looking: Counter[str] = Counter()
"""How many links of each visitor are being looked at."""
_counting = threading.Lock()


@dataclass(frozen=True)
class Choice:
    """A link, a file here, or an upload (by its id), and what is known of it."""

    source: str
    title: str
    site: str = ""
    upload: str = ""
    duration: float | None = None
    bytes: int | None = None
    captions: str = ""
    entries: tuple[tuple[str, str], ...] = ()
    """A playlist's videos: link and title."""


def inspect(text: str, settings: Settings, own_machine: bool, visitor: str = "") -> Choice:
    """What is known of a pasted link or file; nothing is loaded. LongtakeError says what is wrong.

    The name of a file counts only where the page is its user's own.
    """
    text = text.strip().strip("\"'")
    if not text:
        raise UsageError("nothing was pasted", "Paste a link that begins with https://.")
    if is_link(text):
        return _inspect_link(text, settings, visitor)
    if looks_like_address(text):
        return _inspect_link(f"https://{text}", settings, visitor)
    if not own_machine:
        raise UsageError(f"{name_source(text)!r} is not a link", "A link begins with https://.")
    return _inspect_file(text)


def looks_like_address(text: str) -> bool:
    """Whether it is a link that lacks its scheme, as people copy it: youtube.com/watch?v=…"""
    host, slash, _ = text.partition("/")
    return bool(slash) and "." in host[1:-1] and " " not in text and not Path(text).exists()


@contextmanager
def _taking_turns(visitor: str) -> Iterator[None]:
    """A few links at once, and fewer of each visitor, so that nobody keeps others from it."""
    with _counting:
        if _looking[visitor] >= OF_VISITOR:
            raise LinkError(
                f"{OF_VISITOR} links of yours are being looked at", "Wait for one of them.", "busy"
            )
        _looking[visitor] += 1
    try:
        if not _inspections.acquire(timeout=PATIENCE_SECONDS):
            raise LinkError("too many links are being looked at", "Try again in a minute.", "busy")
        try:
            yield
        finally:
            _inspections.release()
    finally:
        with _counting:
            _looking[visitor] -= 1
            if not _looking[visitor]:
                del _looking[visitor]


def _inspect_link(link: str, settings: Settings, visitor: str) -> Choice:
    link = check_link(link)
    with _taking_turns(visitor):
        facts = look(link, settings, choose_needs(settings, USUAL_SIDE))
    return Choice(
        source=facts.link,
        title=one_line(facts.title) or name_source(link),
        site=one_line(facts.site),
        duration=facts.duration,
        bytes=facts.bytes,
        captions=one_line(facts.captions),
        entries=tuple((entry.link, one_line(entry.title)) for entry in facts.entries),
    )


def _inspect_file(text: str) -> Choice:
    path = check_file(text).absolute()
    seconds = probe_apart(path)
    return Choice(str(path), one_line(path.name), duration=seconds, bytes=path.stat().st_size)


def inspect_upload(token: str, name: str) -> Choice:
    """What is known of a file that was dropped; `name` is what the visitor calls it."""
    path = uploads.find(token)
    seconds = probe_apart(path)
    title = one_line(Path(name.replace("\\", "/")).name) or "video"
    return Choice(title, title, upload=token, duration=seconds, bytes=path.stat().st_size)


def name_sample(clone: Path = SAMPLE) -> str:
    """The film that the page offers to who has none at hand: a clone's, else a drawn one."""
    return LECTURE if clone.is_file() else DRAWN


def choose_sample(clone: Path = SAMPLE) -> Choice:
    """The sample as an upload."""
    title, path = name_sample(clone), uploads.new_path()
    if title == LECTURE:
        shutil.copyfile(clone, path)
    else:
        make_sample(path)
    return inspect_upload(path.name, title)


def say_facts(choice: Choice) -> list[str]:
    """Site, length, size, captions: what is known, in a few words each."""
    loads = "to load" if not choice.upload and is_link(choice.source) else ""
    return [
        words
        for words in (
            choice.site,
            format_time(choice.duration) if choice.duration else "",
            f"{say_bytes(choice.bytes)} {loads}".strip() if choice.bytes else "",
            choice.captions,
            f"{len(choice.entries)} videos" if choice.entries else "",
        )
        if words
    ]


def guess(choice: Choice, form: Mapping[str, Any], settings: Settings) -> Estimate:
    """How long a run of it will take here; of a minute where its length is not known.

    What earlier runs of the page took counts first, whoever started them.
    """
    settings = apply_form(settings, form)
    earlier = list_earlier(list_runs(), name_engine(settings), form)[:NEWEST_RUNS]
    with Store(store_path()) as store:
        return estimate(choice.duration or 60.0, settings, store, earlier)


def say_guess(found: Estimate, flow: str, *, whole: bool = True) -> str:
    """The estimate in one plain sentence, for the whole of it or for each minute."""
    if found.seconds is None:
        return f"How long it will take can't be told yet: {found.why}."
    seconds = found.seconds * (2 if flow == "both" else 1)
    share = "" if whole else " for each minute of it"
    return f"About {say_seconds(seconds)}{share}: {found.why}."


def apply_form(settings: Settings, form: Mapping[str, Any]) -> Settings:
    """The settings with the form's values; UsageError where a value can't be."""
    return change_settings(settings, _as_settings(form), "the form")


def _as_settings(form: Mapping[str, Any]) -> dict[str, Any]:
    """The form's values but for `both`, which is no flow of a setting."""
    return {name: value for name, value in form.items() if (name, value) != ("flow", "both")}


def start(choice: Choice, form: Mapping[str, Any], visitor: str) -> str:
    """Put a run into the queue; its id."""
    asked = Asked(
        source=choice.source,
        kind="compare" if form.get("flow") == "both" else "summarize",
        settings=_as_settings(form),
        title=choice.title,
        visitor=visitor,
        created=time.time(),
    )
    return submit(asked, upload=uploads.find(choice.upload) if choice.upload else None)


def start_again(run: Run, table: Path, texts: Mapping[int, str], visitor: str) -> str:
    """Summarise a run's descriptions anew with these texts in place of its own; that run's id."""
    edited = uploads.new_path().with_suffix(".csv")
    edited.write_text(edit_table(table, texts), encoding="utf-8", newline="")
    asked = replace(
        run.asked,
        source=str(edited),
        kind="reconcile",
        title=run.title or run.asked.title,
        visitor=visitor,
        created=time.time(),
        of=run.id,
    )
    try:
        return submit(asked, upload=edited, known=table.parent / "summary.json")
    except LongtakeError:
        edited.unlink(missing_ok=True)
        raise
