"""What an assistant asks for: each tool, in both eras of the protocol, by the SDK's client."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from longtake.errors import UsageError
from longtake.mcp.cursors import read_cursor, write_cursor
from longtake.report import as_json
from longtake.runs.folder import Asked, read_run, submit
from tests.mcp.clients import (
    ERAS,
    MOST_LETTERS,
    NEW,
    OLD,
    QUICK,
    data_of,
    finish,
    summarize,
    talk,
    text_of,
)
from tests.servers import Answer, serve
from tests.servers import as_json as as_reply
from tests.web.examples import end_run, make_result


@pytest.mark.parametrize("era", ERAS)
def test_video_is_summarised_by_a_run_that_is_polled(numbered: Path, era: str) -> None:
    async def ask(client: Client) -> None:
        asked = {"source": numbered.name, "settings": QUICK, "focus": "numbers"}
        begun = time.monotonic()
        started = await client.call_tool("summarize", asked)
        assert time.monotonic() - begun < 3
        told = started.structured_content
        assert told["state"] in ("waiting", "running") and told["run"] in told["next"]
        found = await finish(client, told["run"])
        assert found.structured_content["state"] == "done"
        data = data_of(found)
        version = {NEW: "2026-07-28", OLD: "2025-11-25"}[era]
        assert client.protocol_version == version
        assert data["title"] == numbered.name and data["headline"] and data["sentences"]
        assert data["sentences"][0]["times"] and data["sentences"][0]["support"]
        assert data["headline"] in text_of(found)
        assert str(numbered.parent) not in text_of(found) + json.dumps(found.structured_content)
        assert read_run(told["run"]).asked.settings["focus"] == "numbers"

    talk(ask, numbered.parent, mode=era)


def test_all_that_is_listed_says_what_it_is_for() -> None:
    async def ask(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {
            "summarize", "get_run", "stop_run", "search", "ask", "list_videos",
            "describe_moment", "transcript",
        }  # fmt: skip
        for tool in tools.values():
            assert tool.title and tool.description and tool.output_schema and tool.annotations
            for name, schema in tool.input_schema["properties"].items():
                assert schema.get("description"), (tool.name, name)
        readers = {name for name, tool in tools.items() if tool.annotations.read_only_hint}
        assert readers == {"get_run", "search", "list_videos"}
        shown = [[t.name, t.description, t.input_schema] for t in tools.values()]
        assert len(json.dumps(shown)) < MOST_LETTERS / 2
        assert "data" in (client.instructions or "") and len(client.instructions or "") < 2000
        prompt = await client.get_prompt("watch_video", {"source": "talk.mp4"})
        assert "talk.mp4" in prompt.messages[0].content.text

    talk(ask)


def test_known_video_is_found_read_and_asked_about(numbered: Path) -> None:
    async def ask(client: Client) -> None:
        run = (await summarize(client, numbered)).structured_content["run"]
        listed = data_of(await client.call_tool("list_videos", {}))["videos"]
        assert [video["title"] for video in listed] == [numbered.name]
        sha256 = listed[0]["sha256"]
        told = data_of(await client.call_tool("get_run", {"run": run, "detail": "descriptions"}))
        word = told["descriptions"][0]["seen"].split()[0]
        for name in (run, sha256, sha256[:12], numbered.name, str(numbered)):
            asked = {"query": word, "videos": [name], "thumbnails": True, "limit": 4}
            found = await client.call_tool("search", asked)
            places = data_of(found)["found"]
            assert 0 < len(places) <= 4 and places[0]["video"] == sha256
            pictures = [block for block in found.content if block.type == "image"]
            assert len(pictures) == len([p for p in places if p.get("image")]) <= 3
            assert pictures and pictures[0].mime_type == "image/jpeg"
        answered = await client.call_tool("ask", {"question": f"What about {word}?"})
        assert not answered.is_error
        assert {"answer", "nearest", "remarks"} & set(data_of(answered))
        nothing = await client.call_tool("list_videos", {"query": "elephants"})
        assert "from_video" not in nothing.structured_content

    talk(ask, numbered.parent)


@pytest.mark.parametrize("era", ERAS)
def test_moment_is_looked_at_and_comes_as_images(numbered: Path, era: str) -> None:
    async def ask(client: Client) -> None:
        asked = {"source": numbered.name, "start": "0:02", "end": 8.5, "question": "What number?"}
        seen = await client.call_tool("describe_moment", asked)
        if seen.structured_content["state"] != "done":
            seen = await finish(client, seen.structured_content["run"])
        pictures = [block for block in seen.content if block.type == "image"]
        frames = data_of(seen)["frames"]
        assert 1 < len(pictures) == len(frames) <= 6
        assert all(2 <= frame["time"] < 8.5 for frame in frames)
        assert "look at the images yourself" in text_of(seen)
        late = {**asked, "start": 100, "end": 0}
        beyond = await client.call_tool("describe_moment", late)
        if not beyond.is_error:
            beyond = await finish(client, beyond.structured_content["run"])
        assert "the video ends at" in text_of(beyond)

    talk(ask, numbered.parent, mode=era)


def test_comparison_that_another_program_asked_for_is_told_arm_by_arm(numbered: Path) -> None:
    async def ask(client: Client) -> None:
        asked = Asked(str(numbered), "compare", QUICK, "", "me", time.time())
        found = await finish(client, submit(asked))
        arms = {sentence["arm"] for sentence in data_of(found)["sentences"]}
        assert len(arms) == 2 and all(f"- {arm}: " in text_of(found) for arm in arms)
        run = found.structured_content["run"]
        told = await client.call_tool("get_run", {"run": run, "detail": "descriptions"})
        assert {chunk["arm"] for chunk in data_of(told)["descriptions"]} == arms

    talk(ask, numbered.parent)


def test_transcript_is_told_in_stretches_and_pages() -> None:
    run = end_run()
    segments = [
        {"start": 2.0 * n, "end": 2.0 * n + 2, "text": f"Sentence {n} is said here, and not more."}
        for n in range(400)
    ]
    (run.folder / "out").mkdir()
    document = json.dumps({"segments": segments, "language": "en", "remark": ""})
    (run.folder / "out" / "transcript.json").write_text(document)

    async def ask(client: Client) -> None:
        part = await client.call_tool("transcript", {"source": run.id, "start": 10, "end": "0:14"})
        assert [s["start"] for s in data_of(part)["segments"]] == [10.0, 12.0]
        starts: list[float] = []
        asked: dict[str, Any] = {"source": run.id}
        while True:
            page = await client.call_tool("transcript", asked)
            starts += [s["start"] for s in data_of(page)["segments"]]
            assert len(text_of(page)) < MOST_LETTERS
            asked["cursor"] = page.structured_content.get("next_cursor", "")
            if not asked["cursor"]:
                break
        assert starts == [s["start"] for s in segments]

    talk(ask)


def test_whole_list_of_descriptions_is_paged_and_every_reply_is_short() -> None:
    run = end_run()
    texts = [f"Somebody carries the box number {n} across the yard. " * 6 for n in range(1, 5001)]
    result = make_result(run.folder / "out", texts)
    (run.folder / "out").mkdir()
    (run.folder / "out" / "result.json").write_text(as_json(result, descriptions=True))
    (run.folder / "out" / "summary.md").write_text("# It\n\n" + "- A line of it.\n" * 9000)
    lines = [
        json.dumps({"chunk": n, "start": 6.0 * n, "end": 6.0 * n + 6, "text": text, "arm": ""})
        for n, text in enumerate(texts, 1)
    ]
    (run.folder / "chunks.jsonl").write_text("".join(f"{line}\n" for line in lines))

    async def ask(client: Client) -> None:
        summary = await client.call_tool("get_run", {"run": run.id})
        assert len(text_of(summary)) < MOST_LETTERS / 2
        asked: dict[str, Any] = {"run": run.id, "detail": "descriptions"}
        chunks: list[int] = []
        for _ in range(3):
            page = await client.call_tool("get_run", asked)
            told = page.structured_content
            chunks += [chunk["chunk"] for chunk in data_of(page)["descriptions"]]
            assert len(text_of(page)) < MOST_LETTERS / 2 > len(json.dumps(told)) - 1500
            assert told["left_out"]["descriptions"] == 5000 - len(chunks)
            asked["cursor"] = told["next_cursor"]
        assert chunks == list(range(1, len(chunks) + 1))
        for part in ("summary", "descriptions"):
            read = await client.read_resource(f"longtake://runs/{run.id}/{part}")
            assert len(read.contents[0].text) < MOST_LETTERS
            assert "Cut here" in read.contents[0].text

    talk(ask)


def test_cursor_serves_only_the_list_that_it_is_of() -> None:
    cursor = write_cursor("descriptions abc", 12)
    assert read_cursor(cursor, "descriptions abc") == 12
    for wrong in (cursor + "x", "!!", "0", "é", write_cursor("other", 3), "A" * 300):
        with pytest.raises(UsageError, match="cursor"):
            read_cursor(wrong, "descriptions abc")


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("summarize", {"source": ""}, "no video was named"),
    ("summarize", {"source": "x" * 1_000_000}, "no file"),
    ("summarize", {"source": "a.mp4\0"}, "no file"),
    ("summarize", {}, "source"),
    ("summarize", {"source": 5}, "source"),
    ("summarize", {"source": "http://"}, ""),
    ("summarize", {"source": "a.mp4", "sorce": "b"}, "no argument 'sorce'"),
    ("summarize", {"source": "a.mp4", "settings": {"colour": "red"}}, "colour"),
    ("summarize", {"source": "a.mp4", "settings": {"api_key": "x"}}, "api_key"),
    ("summarize", {"source": "a.mp4", "settings": {"chunk_seconds": -1}}, "chunk_seconds"),
    ("summarize", {"source": "a.mp4", "settings": ["x"]}, "settings"),
    ("summarize", {"source": "a.mp4", "flow": "sideways"}, "flow"),
    ("get_run", {"run": "0" * 24}, "no such run"),
    ("get_run", {"run": "../../etc"}, "no such run"),
    ("get_run", {"run": "0" * 24, "wait_seconds": "nan"}, "no such run"),
    ("get_run", {"run": "0" * 24, "detail": "secrets"}, "detail"),
    ("stop_run", {"run": "nothing"}, "no such run"),
    ("describe_moment", {"source": "a.mp4", "start": "nan"}, "no time"),
    ("describe_moment", {"source": "a.mp4", "start": -3}, "no time"),
    ("describe_moment", {"source": "a.mp4", "start": 0, "end": 1e308}, "too long"),
    ("describe_moment", {"source": "a.mp4", "start": 9, "end": 3}, "no stretch"),
    ("describe_moment", {"source": "0" * 24, "start": 1}, "no such run"),
    ("transcript", {"source": "a.mp4", "start": "soon"}, "no time"),
    ("search", {"query": ""}, "no word"),
    ("search", {"query": "x " * 100_000}, "letters"),
    ("search", {"query": "dog", "limit": 10_000}, "limit"),
    ("search", {"query": "dog", "kinds": ["smelt"]}, "kinds"),
    ("search", {"query": "dog", "videos": "talk"}, "videos"),
    ("search", {"query": "dog"}, "no video in the library"),
    ("ask", {"question": "?"}, "no word"),
    ("list_videos", {"cursor": "nonsense"}, "cursor"),
]


def test_wrong_arguments_are_told_with_a_hint_and_no_trace() -> None:
    async def ask(client: Client) -> None:
        for tool, arguments, said in WRONG:
            refused = await client.call_tool(tool, arguments)
            text = text_of(refused)
            assert refused.is_error and text.startswith("error: "), (tool, text)
            assert said in text and "hint: " in text, (tool, text)
            assert len(text) < 1200 and "Traceback" not in text and "pydantic" not in text

    talk(ask)
    talk(ask, mode=OLD)


def test_file_elsewhere_is_refused_with_the_same_words_whether_it_is_there(
    tmp_path: Path, numbered: Path
) -> None:
    root = tmp_path / "allowed"
    root.mkdir()
    (root / "way_out.mp4").symlink_to(numbered)
    names = (str(numbered), "/etc/passwd", "/nothing/there.mp4", f"../{numbered.name}",
             "../nothing.mp4", "way_out.mp4", "~/x.mp4")  # fmt: skip

    async def ask(client: Client) -> None:
        for name in names:
            for tool, more in (("summarize", {}), ("describe_moment", {"start": 1}),
                               ("transcript", {})):  # fmt: skip
                refused = await client.call_tool(tool, {"source": name, **more})
                assert refused.is_error
                said = text_of(refused).replace(name, "X")
                assert said.startswith("error: there is no file 'X' that may be read here"), said
                assert str(root) not in said and str(numbered.parent) not in said

    talk(ask, root)


def test_run_can_be_stopped_and_says_how_to_go_on(numbered: Path, slow: dict[str, object]) -> None:
    async def ask(client: Client) -> None:
        asked = {"source": str(numbered), "settings": slow}
        started = await client.call_tool("summarize", asked)
        again = await client.call_tool("summarize", asked)
        run = started.structured_content["run"]
        assert again.structured_content["run"] == run
        stopped = await client.call_tool("stop_run", {"run": run})
        assert stopped.structured_content["state"] == "stopped"
        assert "go on" in text_of(stopped)

    talk(ask, numbered.parent)


@pytest.mark.slow
def test_search_that_waits_for_an_embedder_comes_by_words(
    numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_asked: Any, _connection: Any) -> Answer:
        time.sleep(14)
        return as_reply({"data": []})

    async def ask(client: Client) -> None:
        run = (await summarize(client, numbered)).structured_content["run"]
        told = await client.call_tool("get_run", {"run": run, "detail": "descriptions"})
        word = data_of(told)["descriptions"][0]["seen"].split()[0]
        with serve() as server:
            server.set("/v1/models", as_reply({"data": [{"id": "tiny"}]}))
            server.set("/v1/embeddings", answer)
            monkeypatch.setenv("LONGTAKE_BASE_URL", f"{server.url}/v1")
            monkeypatch.setenv("LONGTAKE_EMBEDDER", "server:tiny")
            begun = time.monotonic()
            found = await client.call_tool("search", {"query": word})
            assert 4 < time.monotonic() - begun < 10
            assert data_of(found)["found"] and "by words alone" in text_of(found)

    talk(ask, numbered.parent)


@pytest.mark.slow
def test_no_call_lasts_longer_than_ten_seconds_and_progress_is_told(
    numbered: Path, slow: dict[str, object]
) -> None:
    parts: list[float] = []

    async def note(part: float, _total: float | None, said: str | None) -> None:
        assert said
        parts.append(part)

    async def ask(client: Client) -> None:
        asked = {"source": str(numbered), "settings": slow}
        run = (await client.call_tool("summarize", asked)).structured_content["run"]
        for wait in (8, 1e308, "inf"):
            begun = time.monotonic()
            found = await client.call_tool(
                "get_run", {"run": run, "wait_seconds": wait}, progress_callback=note
            )
            assert time.monotonic() - begun < 10
            assert found.structured_content["state"] in ("running", "done")
        so_far = {"run": run, "detail": "descriptions"}
        assert data_of(await client.call_tool("get_run", so_far))["descriptions"]
        begun = time.monotonic()
        await client.call_tool("stop_run", {"run": run})
        assert time.monotonic() - begun < 10

    talk(ask, numbered.parent, mode=NEW)
    assert len(parts) > 2 and parts == sorted(parts)
