"""A run as an assistant is told of it: how far it is, and what came of it, by its kind."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from longtake.errors import UsageError
from longtake.links.addresses import is_link
from longtake.mcp.cursors import read_cursor, write_cursor
from longtake.mcp.marks import MOST_BYTES, ToldList, take, tame
from longtake.mcp.replies import ToolReply
from longtake.runs.folder import ENDED, Run, read_told
from longtake.runs.progress import name_title
from longtake.runs.say import hide_source, read_result, run_values
from longtake.timecode import format_time

DETAILS = ("summary", "sentences", "chapters", "moments", "gaps", "descriptions")
SHARES = {"sentences": 3200, "chapters": 1200, "moments": 900, "gaps": 500}
"""Bytes of each list in a summary; the rest is told on request."""
MOST_TIMES = 6
MOST_TITLE_BYTES = 200
MOST_FRAMES = 6
MOST_END = 1e7
"""A second that lies behind the end of any video."""
OF_DATA = ("title", "link")
OF_CHUNK = ("seen", "said", "written", "detected", "done", "error")
MOST_NAMED = 12
"""Of what was detected, and of who is called by a mark."""

Item = Mapping[str, Any]


def status_values(run: Run) -> dict[str, Any]:
    """How far a run is; nothing in it is from a video or its site."""
    steps = tuple(replace(step, note="") for step in run.steps)
    told = run_values(replace(run, steps=steps))
    progress = told["progress"]
    values = {
        "run": run.id,
        "kind": run.asked.kind,
        "state": run.state,
        "doing": progress["doing"],
        "part": progress["part"],
        "ahead": run.ahead,
        "next": _say_next(run),
    }
    if progress["seconds_left"] is not None:
        values["seconds_left"] = progress["seconds_left"]
    return values


def _say_next(run: Run) -> str:
    if run.state in ("waiting", "running"):
        return f'call get_run with run "{run.id}" until its state is done'
    if run.state == "stopped":
        return "ask for the same again to go on: what was found so far is kept"
    if run.state == "failed":
        return "mend what the error says, and ask again"
    return ""


def status_line(values: Item) -> str:
    """The same in one line."""
    line = f"Run {values['run']} ({values['kind']}): {values['state']}"
    if values["state"] in ENDED:
        return f"{line}."
    left = values.get("seconds_left")
    about = f", about {left:.0f} s left of this step" if left else ""
    return f"{line}, {values['part']:.0%}. {values['doing']}{about}."


def tell_run(run: Run, detail: str = "summary", cursor: str = "") -> ToolReply:
    """How far it is and, once it is done, what came of it; UsageError for what it does not have."""
    if detail not in DETAILS:
        raise UsageError(f"there is no detail {detail!r}", f"Name one of {', '.join(DETAILS)}.")
    if run.state == "failed":
        return _tell_failed(run)
    if detail == "descriptions":
        return _tell_page(run, _section("descriptions", list_chunks(run), say_chunk), cursor)
    if run.state != "done":
        return _tell_progress(run)
    result = read_result(run)
    if result is None:
        raise UsageError("the results of this run are gone", "Ask for the same again.")
    if run.asked.kind in TELLERS:
        return TELLERS[run.asked.kind](run, result, cursor)
    sections = _list_sections(result)
    if detail == "summary":
        return _tell_summary(run, result, sections)
    return _tell_page(run, next(s for s in sections if s.name == detail), cursor)


def _tell_progress(run: Run) -> ToolReply:
    values = status_values(run)
    said = [status_line(values)]
    if run.asked.kind in ("summarize", "compare") and (count := len(read_told(run.id))):
        said.append(f'{count} descriptions so far: get_run with detail "descriptions" shows them.')
    return ToolReply([*said, f"Next: {values['next']}."], values, _name(run))


def _tell_failed(run: Run) -> ToolReply:
    values = status_values(run)
    error = {
        key: tame(hide_source(run, text))
        for key, text in (("message", run.error), ("hint", run.hint))
        if text
    }
    lines = [f"{key}: {text}" for key, text in error.items()]
    said = [status_line(values), f"Next: {values['next']}. What was said of it:"]
    return ToolReply(said, values, {**_name(run), "error": error}, lines, failed=True)


def _tell_summary(run: Run, result: Item, sections: Sequence[ToldList]) -> ToolReply:
    values = status_values(run)
    arms = _list_arms(result)
    data: dict[str, Any] = {
        **_name(run),
        "headline": " | ".join(tame(arm["headline"], 400) for arm in arms),
        "headline_support": " | ".join(str(arm.get("headline_support") or "") for arm in arms),
    }
    lines = [
        f"title: {data['title']}",
        f"headline: {data['headline']} [{data['headline_support']}]",
    ]
    if detected := _say_tags(result.get("tags")):
        data["detected"] = tame(detected, 400)
        lines.append(f"detected: {data['detected']}")
    if marks := [_say_entity(entity) for entity in result.get("entities", ())[:MOST_NAMED]]:
        data["marks"] = marks
        lines.append(f"marks: {'; '.join(marks)}")
    remarks = [tame(text, 300) for arm in arms for text in arm.get("remarks", ())][:3]
    lines += [f"remark: {remark}" for remark in remarks]
    duration = f"{format_time(run.duration)} long" if run.duration else ""
    values["next"] = (
        f'for more, get_run with run "{run.id}" and detail "descriptions" (chunk by chunk),'
        ' "sentences", "chapters", "moments" or "gaps"; transcript, describe_moment and search take'
        " this run's id, too"
    )
    return ToolReply(
        [f"{status_line(values)} {duration}".rstrip()],
        values,
        data,
        lines,
        sections,
        after=[f"Next: {values['next']}."],
    )


def _tell_page(run: Run, section: ToldList, cursor: str) -> ToolReply:
    """A page of one list, from a cursor on."""
    place = f"{section.name} {run.id}"
    start = read_cursor(cursor, place)
    values = status_values(run)
    until = start + len(take(section, start))
    if until < len(section.items):
        values["next_cursor"] = write_cursor(place, until)
    count = len(section.items)
    said = [status_line(values)]
    yet = "" if run.state in ENDED else " yet"
    said.append(
        f"{section.name} {start + 1} to {until} of {count}:"
        if until > start
        else f"There are no {section.name}{yet}."
    )
    return ToolReply(said, values, _name(run), (), [section], start=start)


def _tell_transcript(run: Run, result: Item, cursor: str) -> ToolReply:
    begin, end = run.asked.start, run.asked.end or MOST_END
    stretch = begin, float("inf") if end >= MOST_END else end
    return tell_segments(result, cursor, run.id, {**status_values(run), **_name(run)}, stretch)


def list_segments(result: Item) -> list[dict[str, Any]]:
    """The segments of a transcript.json."""
    return [
        {"start": s["start"], "end": s["end"], "text": tame(s["text"])}
        for s in result.get("segments", ())
    ]


def tell_segments(
    found: Item, cursor: str, name: str, values: Item, stretch: tuple[float, float]
) -> ToolReply:
    """What is said in a stretch of a video, from a cursor on, which holds the stretch, too.

    `found` is a transcript.json, `name` what holds it; a title in the values is data.
    """
    begin, end = stretch
    segments = list_segments(found)
    inside = [s for s in segments if s["end"] > begin and s["start"] < end]
    place = f"transcript {name} {begin:g} {end:g}"
    start = read_cursor(cursor, place)
    section = ToldList("segments", inside, say_segment)
    until = start + len(take(section, start))
    own = {name: value for name, value in values.items() if name not in OF_DATA}
    if until < len(inside):
        own["next_cursor"] = write_cursor(place, until)
    data = {name: tame(values[name], MOST_TITLE_BYTES) for name in OF_DATA if values.get(name)}
    data |= {name: tame(found[name], 300) for name in ("language", "remark") if found.get(name)}
    said = [status_line(own)] if own.get("run") else []
    said.append(
        f"What is said, {start + 1} to {until} of {len(inside)} segments:"
        if inside
        else f"Nothing is said{' in this stretch' if segments else ', or nothing was heard'}."
    )
    lines = [f"{name}: {value}" for name, value in data.items()]
    return ToolReply(said, own, data, lines, [section], start=start)


def _tell_look(run: Run, result: Item, _cursor: str) -> ToolReply:
    values = status_values(run)
    frames = [
        {"image": image, "time": frame["time"], "number": frame["number"]}
        for image, frame in enumerate(_thin(result["frames"]), 1)
    ]
    pictures = []
    for frame in frames:
        with suppress(OSError):
            path = run.folder / "out" / "frames" / f"{frame.pop('number')}.jpg"
            pictures.append(path.read_bytes())
    answer = [_as_sentence(s) for s in result["sentences"]]
    remarks = [tame(text, 300) for text in result["remarks"]]
    data = {"title": tame(result["video"]["name"], MOST_TITLE_BYTES), "remarks": remarks}
    span = f"{format_time(result['start'])}–{format_time(result['end'])}"
    said = [status_line(values), f"{len(pictures)} frames of {span} come as images below."]
    if not answer:
        said.append("No model here told what they show: look at the images yourself.")
    sections = [
        ToldList("answer", answer, say_sentence, 2000, "What a model that sees told:"),
        ToldList("frames", frames, _say_frame, 2000),
    ]
    lines = [f"title: {data['title']}", *(f"remark: {remark}" for remark in remarks)]
    return ToolReply(said, values, data, lines, sections, pictures)


def _thin(frames: Sequence[Item]) -> list[Item]:
    """A few of them, as far apart as they can be."""
    last = len(frames) - 1
    few = min(MOST_FRAMES, len(frames))
    return [frames[round(place * last / max(few - 1, 1))] for place in range(few)]


def _tell_answer(run: Run, result: Item, _cursor: str) -> ToolReply:
    values = status_values(run)
    answer = [_as_sentence(s) for s in result["sentences"]]
    remarks = [tame(text, 300) for text in result["remarks"]]
    nearest = [place_values(moment) for moment in result["moments"]]
    lines = [f"remark: {remark}" for remark in remarks]
    said = [status_line(values)]
    if not answer:
        said.append("There is no answer in words; the nearest moments may hold it.")
    sections = [
        ToldList("answer", answer, say_sentence, 3500, "answer:"),
        ToldList("nearest", nearest, say_place, 1200 if answer else 4000, "nearest moments:"),
    ]
    return ToolReply(said, values, {"remarks": remarks}, lines, sections)


Teller = Callable[[Run, Item, str], ToolReply]
TELLERS: Mapping[str, Teller] = {
    "transcribe": _tell_transcript,
    "look": _tell_look,
    "ask": _tell_answer,
}


def _list_arms(result: Item) -> list[Item]:
    """The summaries in a result: one, or one for each arm of a comparison."""
    arms: list[Item] = result.get("arms") or [result]
    return arms


def _list_sections(result: Item) -> list[ToldList]:
    spans = {d["chunk"]: (d["start"], d["end"]) for d in result.get("descriptions", ())}
    return [
        _section("sentences", list(_list_sentences(result, spans)), say_sentence),
        _section("chapters", list(_list_parts(result, "chapters", "title")), say_part),
        _section("moments", list(_list_parts(result, "moments", "text")), say_part),
        _section("gaps", list(_list_gaps(result)), say_part),
    ]


def _section(name: str, items: Sequence[Item], say: Callable[[Item], str]) -> ToldList:
    return ToldList(name, items, say, SHARES.get(name, MOST_BYTES), f"{name}:")


def _list_sentences(result: Item, spans: Mapping[int, tuple[float, float]]) -> Iterator[Item]:
    for arm in _list_arms(result):
        for sentence in arm["summary"]:
            times = [spans[chunk] for chunk in sentence["evidence"] if chunk in spans]
            if sentence["start"] is not None:
                times = [(sentence["start"], sentence["end"])]
            yield {
                "text": tame(sentence["sentence"]),
                "times": [list(span) for span in sorted(times)[:MOST_TIMES]],
                "support": sentence["support"],
                **_name_arm(arm),
            }


def _list_parts(result: Item, name: str, text: str) -> Iterator[Item]:
    for arm in _list_arms(result):
        for part in arm[name]:
            yield {
                "start": part["start"],
                "end": part["end"],
                "text": tame(part[text], 400),
                **_name_arm(arm),
            }


def _list_gaps(result: Item) -> Iterator[Item]:
    for arm in _list_arms(result):
        gaps = arm["missing"] if "missing" in arm else arm["ledger"]["gaps"]
        for gap in gaps:
            reason = tame(gap["reason"], 300)
            yield {"start": gap["start"], "end": gap["end"], "text": reason, **_name_arm(arm)}


def list_chunks(run: Run) -> list[Item]:
    """Descriptions by chunk: of a run at work, those so far."""
    known = {(str(entry.get("arm") or ""), entry["chunk"]): entry for entry in read_told(run.id)}
    if run.asked.kind == "reconcile" and (result := read_result(run)):
        return [_as_chunk({**d, "text": d["description"], "on_screen": d["text"]})
                for d in result["descriptions"]]  # fmt: skip
    return [_as_chunk(known[key]) for key in sorted(known)]


def _as_chunk(entry: Item) -> Item:
    texts = {
        "seen": entry.get("text"),
        "said": entry.get("speech"),
        "written": entry.get("on_screen"),
        "detected": _say_tags(entry.get("tags")),
        "done": entry.get("actions"),
        "error": entry.get("error"),
    }
    return {
        "chunk": entry["chunk"],
        "start": entry["start"],
        "end": entry["end"],
        **{name: tame(text) for name, text in texts.items() if text},
        **({"arm": tame(entry["arm"], 40)} if entry.get("arm") else {}),
    }


def _as_sentence(sentence: Item) -> Item:
    """A sentence of an answer with the videos and times that prove it."""
    proofs = sentence["proofs"][:MOST_TIMES]
    videos = list(dict.fromkeys(tame(p["video"]["name"], 120) for p in proofs))
    times = [[p["start"], p["end"]] for p in proofs]
    return {"text": tame(sentence["text"]), "times": times, "support": sentence["support"],
            "videos": videos}  # fmt: skip


def place_values(moment: Item) -> Item:
    """A found moment, of the values that the library tells of it."""
    return {
        "video": moment["video"]["sha256"],
        "title": tame(moment["video"]["name"], MOST_TITLE_BYTES),
        "start": moment["start"],
        "end": moment["end"],
        "found": list(moment["found"]),
        "text": tame(_say_passages(moment), 700),
        "score": round(float(moment["score"]), 3),
    }


def _say_tags(tags: Any) -> str:
    """What detectors saw and in how much of the frames, as a document has it or a line says it."""
    if not tags or isinstance(tags, str):
        return tags or ""
    return ", ".join(f"{tag['label']} {tag['share']:.0%}" for tag in tags[:MOST_NAMED])


def _say_entity(entity: Item) -> str:
    return tame(f"{entity['mark']}: {entity['kind']}, {entity['look']}", 160)


def _say_passages(moment: Item) -> str:
    """The best passage of each kind; what two kinds say alike stands once."""
    best: dict[str, str] = {}
    for passage in moment["passages"]:
        text = str(passage["text"])
        if text.casefold() not in map(str.casefold, best.values()):
            best.setdefault(passage["found"], text)
    return " | ".join(f"{kind}: {text}" for kind, text in best.items())


def _name(run: Run) -> dict[str, str]:
    """What the video is called; its source where that is a link."""
    title = tame(name_title(run), MOST_TITLE_BYTES)
    link = run.asked.source if is_link(run.asked.source) else ""
    return {"title": title, **({"link": tame(link, 400)} if link else {})}


def _name_arm(arm: Item) -> dict[str, str]:
    return {"arm": tame(arm["name"], 40)} if "name" in arm else {}


def _say_times(item: Item) -> str:
    return ", ".join(f"{format_time(start)}–{format_time(end)}" for start, end in item["times"])


def say_sentence(item: Item) -> str:
    """A sentence with its times and support."""
    arm = f"{item['arm']}: " if item.get("arm") else ""
    videos = f" in {' and '.join(item['videos'])}" if item.get("videos") else ""
    rests = "; ".join(part for part in (f"{_say_times(item)}{videos}", item["support"]) if part)
    return f"- {arm}{item['text']} [{rests}]"


def say_part(item: Item) -> str:
    """A chapter, a moment or a gap."""
    arm = f"{item['arm']}: " if item.get("arm") else ""
    return f"- {format_time(item['start'])}–{format_time(item['end'])} {arm}{item['text']}"


def say_segment(item: Item) -> str:
    """A line of a transcript."""
    return f"[{format_time(item['start'])}] {item['text']}"


def say_chunk(item: Item) -> str:
    """A chunk with what is known of it."""
    arm = f" ({item['arm']})" if item.get("arm") else ""
    known = [f"{name}: {item[name]}" for name in OF_CHUNK if name in item]
    span = f"{format_time(item['start'])}–{format_time(item['end'])}"
    return f"{item['chunk']}{arm}. {span} {' | '.join(known)}"


def say_place(item: Item) -> str:
    """A found moment: where, how it is known, and what stands there."""
    span = f"{format_time(item['start'])}–{format_time(item['end'])}"
    image = f", image {item['image']}" if item.get("image") else ""
    return (
        f"- {item['title']} ({item['video'][:12]}) {span} [{', '.join(item['found'])}{image}]"
        f" {item['text']}"
    )


def _say_frame(item: Item) -> str:
    return f"image {item['image']}: {item['time']:.1f} s"


def read_transcript_file(run: Run) -> Item | None:
    """A run's transcript.json; None where there is none."""
    with suppress(OSError, ValueError):
        found = json.loads((run.folder / "out" / "transcript.json").read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else None
    return None
