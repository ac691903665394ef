"""A summary anew from a table of descriptions: no video is read, and no describer asked."""

import time
from dataclasses import replace
from pathlib import Path

from longtake import report
from longtake.embed import check_embedder
from longtake.inference.engine import Engine
from longtake.inference.scheduler import Sleep, Work
from longtake.pipeline.ledger import keep_ledger, merge_usage
from longtake.pipeline.open_engines import Writer, check_reads, choose_judge
from longtake.pipeline.sources import list_made_with
from longtake.pipeline.write_summary import sum_up
from longtake.records import Material, Result, StageUsage, Steps
from longtake.report.html import read_thumbs
from longtake.report.read_back import name_describer, read_edited, say_cells
from longtake.settings import Settings
from longtake.store import Store
from longtake.video.source import check_file


def reconcile_file(
    path: str | Path,
    settings: Settings,
    store: Store,
    reconciler: Writer,
    other_judge: Engine | None = None,
    sleep: Sleep = time.sleep,
) -> Steps[Result]:
    """A summary from a (perhaps edited) descriptions.csv, which stays as it is.

    The pictures of its report are those of the one beside the table, if there is one.
    Asks only what the edits change.
    """
    check_reads(reconciler)
    judging = choose_judge(settings, reconciler, other_judge)
    check_embedder(settings.embedder)
    edited = read_edited(path)
    descriptions = list(edited.descriptions)
    table = check_file(path, "descriptions.csv")
    wanted = Path(settings.out) if settings.out else table.parent
    made = list_made_with(settings, report.OF_SUMMARY)
    out = report.ResultFolder(wanted, edited.video.sha256, made, table)
    usage: list[StageUsage] = []
    work = Work(settings, store, sleep, usage)
    summary = yield from sum_up(work, reconciler, judging, Material(edited.video, descriptions, {}))
    speech = say_cells([d.speech for d in descriptions], table.name)
    text = say_cells([d.on_screen for d in descriptions], table.name)
    result = Result(
        video=edited.video,
        descriptions=edited.descriptions,
        summary=summary,
        ledger=keep_ledger(descriptions, summary, speech, text),
        usage=(
            StageUsage("describe", name_describer(descriptions, table.name)),
            *merge_usage(usage),
        ),
        out=out.path,
        entities=edited.entities,
    )
    thumbs = read_thumbs(table.parent / "report.html")
    report.write_summary(out, result, thumbs)
    return replace(result, out=out.path, files=out.files)
