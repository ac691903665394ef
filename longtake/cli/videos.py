"""One video or many: what the sources name, each run in turn, and what came of all of them."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.batch.sources import Item, is_many, list_items
from longtake.cli.bars import note, note_error
from longtake.cli.blame import explain
from longtake.cli.front import EXIT_GAPS, Front, Given, open_front, read_settings, show_result
from longtake.cli.offer import offer_describer
from longtake.errors import LinkError, LongtakeError, OutputError, SourceError
from longtake.settings import Settings, find_places, name_flag
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line

if TYPE_CHECKING:
    from longtake.records import Result


@dataclass(frozen=True)
class VideoOutcome:
    """What came of one of many: a result, or the error that it ended with."""

    item: Item
    result: "Result | None" = None
    error: LongtakeError | None = None

    @property
    def state(self) -> str:
        """Done, done but for gaps, failed, or not tried, since another one's error is of all."""
        if self.error:
            return "failed"
        if not self.result:
            return "untried"
        return "gaps" if self.result.ledger.gaps else "done"


def run_videos(
    sources: Sequence[str],
    given: Given,
    *,
    summarized: bool,
    playlist: bool = False,
    as_json: bool = False,
    quiet: bool = False,
    verbose: bool = False,
) -> int:
    """Describe and, if wanted, summarise each; the exit status."""
    settings = read_settings(given, quiet=quiet)
    is_one = len(sources) == 1 and not playlist and not is_many(sources[0])
    with open_front(quiet=quiet, verbose=verbose) as front:
        if not (quiet or as_json):
            offer_describer(sources, settings, front.session.store)
        if is_one:
            result = front.finish(
                front.session.summarize(sources[0], settings, summarized=summarized)
            )
            return show_result(
                result, as_json=as_json, verbose=verbose, descriptions=not summarized
            )
        items = list(list_items(sources, settings, playlist=playlist))
        if len(items) == 1 and items[0].error:
            raise items[0].error
        places = find_places(given, flag_form=name_flag).values()
        outcomes = []
        for outcome in _run_each(items, front, settings, summarized=summarized):
            if outcome.error:
                explain(outcome.error, places)
                note_error(outcome.error.message, outcome.error.hint)
            outcomes.append(outcome)
            if outcome.result and not as_json:
                print(f"== {one_line(outcome.item.title or outcome.item.source)}")
                show_result(outcome.result, as_json=False, verbose=verbose)
                print()
    return _show_all(outcomes, as_json=as_json, descriptions=not summarized)


def _run_each(
    items: Sequence[Item], front: Front, settings: Settings, *, summarized: bool
) -> Iterator[VideoOutcome]:
    """Each in turn; one that can't be read or written costs no other, any other error the rest."""
    for number, item in enumerate(items, 1):
        if not front.quiet:
            note(f"{number} of {len(items)}: {item.title or item.source}")
        own = dataclasses.replace(settings, out=_place(settings, item) if settings.out else "")
        try:
            if item.error:
                raise item.error
            steps = front.session.summarize(item.source, own, summarized=summarized)
            yield VideoOutcome(item, front.finish(steps))
        except (LinkError, SourceError, OutputError) as error:
            yield VideoOutcome(item, error=error)
        except LongtakeError as error:  # of engine or model: it would be that of all
            yield VideoOutcome(item, error=error)
            yield from map(VideoOutcome, items[number:])
            return


def _place(settings: Settings, item: Item) -> str:
    from longtake.pipeline.sources import name_folder

    return str(Path(settings.out) / name_folder(item.name))


def _show_all(outcomes: Sequence[VideoOutcome], *, as_json: bool, descriptions: bool) -> int:
    """A table of what became of each, or one document; the exit status."""
    if as_json:
        _print_document(outcomes, descriptions=descriptions)
    else:
        _print_table(outcomes)
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if errors and not any(outcome.result for outcome in outcomes):
        return errors[0].exit_status
    if outcomes[-1].state == "untried":
        return errors[-1].exit_status
    return EXIT_GAPS if any(outcome.state != "done" for outcome in outcomes) else 0


def _print_document(outcomes: Sequence[VideoOutcome], *, descriptions: bool) -> None:
    from longtake.report import as_json

    videos = [
        json.loads(as_json(outcome.result, descriptions=descriptions, placed=True))
        for outcome in outcomes
        if outcome.result
    ]
    lost = [
        {
            "source": outcome.item.source,
            "title": outcome.item.title,
            "error": outcome.error.message,
            "hint": outcome.error.hint,
        }
        for outcome in outcomes
        if outcome.error
    ]
    left = [outcome.item.source for outcome in outcomes if outcome.state == "untried"]
    print(json.dumps({"videos": videos, "failed": lost, "untried": left}, indent=2))


def _print_table(outcomes: Sequence[VideoOutcome]) -> None:
    """A line a video: what became of it, where its result lies, and what it is about."""
    rows = []
    for outcome in outcomes:
        result, summary = outcome.result, outcome.result.summary if outcome.result else None
        where = str(result.out) if result else outcome.item.source
        about = summary.headline if summary else outcome.error.message if outcome.error else ""
        rows.append((outcome.state, one_line(where), one_line(about)))
    width = max(len(where) for _, where, _ in rows)
    states = ("done", "gaps", "failed", "untried")
    counts = [f"{n} {s}" for s in states if (n := sum(s == row[0] for row in rows))]
    beside = max(6, *(len(state) for state, _, _ in rows))
    print(f"{say_count(len(rows), 'video')}: {', '.join(counts)}")
    for state, where, about in rows:
        print(f"{state:<{beside}}  {where:<{width}}  {about}".rstrip())
