"""The page without a browser: its values, its routes, and its script."""

import re
import socket
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from longtake.errors import LongtakeError, UsageError
from longtake.pipeline.ledger import keep_ledger
from longtake.records import (
    Chapter,
    Chunk,
    Description,
    Entity,
    Moment,
    Result,
    Sentence,
    Summary,
    Video,
)
from longtake.report import as_json
from longtake.report.csv import as_csv
from longtake.report.read_back import read_descriptions
from longtake.runs import Asked, Queue, Run, Step, list_runs, read_run, submit
from longtake.settings import Settings
from longtake.timecode import Span
from longtake.web import choices, serve, uploads, values
from longtake.web.server import (
    CONFIG,
    COOKIE,
    SCRIPT,
    is_host_allowed,
    is_local_host,
    make_middleware,
    make_routes,
    read_visitor,
)
from tests.conftest import ROOT
from tests.videos import make_video

HOSTILE = (
    "<script>document.title = 'owned'</script>",
    "[x](javascript:alert(1))",
    ":material/home: :smile: :red[x] $x^2$ **b** `c`",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "www.evil.example https://evil.example me@evil.example",
    "# x\n\n- y",
    "<img src=x onerror=alert(1)>",
)


def make_run(folder: Path, state: Any = "done", **facts: Any) -> Run:
    """A run as the queue would tell of it."""
    asked = Asked("https://site.example/v", "summarize", {}, "A title", "me", 100.0, "")
    run = Run(
        id="abc", asked=asked, state=state, steps=(), error="", hint="", notes=(), video=None,
        title="", duration=0.0, ahead=0, started=0.0, ended=0.0, folder=folder,
    )  # fmt: skip
    return replace(run, **facts)


def describe(texts: Sequence[str]) -> list[Description]:
    """Chunks of six seconds with these texts; an empty one has failed."""
    return [
        Description(
            Chunk(n, Span(6.0 * (n - 1), 6.0 * n)),
            "described" if text else "failed",
            "fake",
            text=text,
            error="" if text else "no reply",
            speech="said",
            on_screen="written",
        )
        for n, text in enumerate(texts, 1)
    ]


def make_result(folder: Path, texts: Sequence[str]) -> Result:
    """A result whose sentences cite chunks 1 and 2, and nothing."""
    found = describe(texts)
    summary = Summary(
        texts[0],
        (
            Sentence(texts[0], (2, 1), support="supported"),
            Sentence(texts[1], (2,), support="unsupported", why="a reason"),
            Sentence(texts[1], (), wording="own words"),
        ),
        (Chapter(Span(0, 12), texts[0]),),
        (Moment(2, Span(6, 12), texts[1]),),
        judge="by hand",
    )
    return Result(
        Video(Path("v.mp4"), "0" * 64, 18.0, 18.0), tuple(found), summary,
        keep_ledger(found, summary, "heard", "read"), (), folder,
        entities=(Entity("P1", "person", "a red coat", (2, 3)),),
    )  # fmt: skip


def write_result(folder: Path, texts: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    result = make_result(folder, texts)
    (folder / "result.json").write_text(as_json(result, descriptions=True), encoding="utf-8")
    (folder / "descriptions.csv").write_bytes(as_csv(result.descriptions).encode())
    (folder / "summary.md").write_text("# It", encoding="utf-8")


# --- text -------------------------------------------------------------------------------------


@given(st.text(max_size=60))
def test_markdown_shows_any_text_as_it_is(text: str) -> None:
    shown = values.as_text(text)
    read = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", shown).replace(values.WORD_JOINER, "")
    assert read == values.one_line(text).replace(values.WORD_JOINER, "")
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[\]()*_`$#~|!]", re.sub(r"\\.", "", shown))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_mark_survives_that_streamlit_reads_after_escapes(text: str) -> None:
    shown = re.sub(r"\\(.)", r"\1", values.as_text(text))
    assert not re.search(r":[a-z]+[/\[:]|://|@\w|www\.", shown)


@given(st.text(max_size=200))
def test_a_title_makes_a_harmless_file_name(title: str) -> None:
    name = values.as_file_name(title)
    assert re.fullmatch(r"[\w.\- ]{1,80}", name)
    assert name not in (".", "..") and not name.startswith((".", " "))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(3, "a few seconds"), (41, "40 seconds"), (57, "1 minute"), (200, "3 minutes"),
     (7800, "2 h 10 min")],
)  # fmt: skip
def test_a_guess_is_said_no_more_exactly_than_it_is(seconds: float, said: str) -> None:
    assert values.say_seconds(seconds) == said


# --- a run that goes on -----------------------------------------------------------------------


def test_a_waiting_run_says_how_many_are_before_it(tmp_path: Path) -> None:
    shown = values.show_run(make_run(tmp_path, "waiting", ahead=2))
    assert shown["doing"] == "2 runs before yours" and shown["part"] == 0


def test_the_bar_never_goes_back_from_stage_to_stage(tmp_path: Path) -> None:
    steps: list[Step] = []
    parts = []
    for stage in ("load", "read", "scan", "listen", "describe", "reconcile", "check"):
        for done in (0, 1, 2):
            steps.append(Step(stage, done, 2, "", 1.0, None))
            parts.append(values.measure_part(make_run(tmp_path, "running", steps=tuple(steps))))
    assert parts == sorted(parts) and parts[0] >= 0 and parts[-1] < 1


def test_the_bar_of_both_flows_is_half_full_where_the_second_begins(tmp_path: Path) -> None:
    first = [Step(stage, 2, 2, "independent", 1.0, None) for stage in ("describe", "check")]
    second = Step("describe", 0, 2, "context", 1.0, None)
    run = make_run(tmp_path, "running", steps=(*first, second))
    both = replace(run, asked=replace(run.asked, kind="compare"))
    assert 0.5 <= values.measure_part(both) < 0.8
    nearly = replace(both, steps=tuple(first))
    assert 0.4 < values.measure_part(nearly) < 0.5


def test_a_running_run_says_which_chunk_it_describes_and_what_is_left(tmp_path: Path) -> None:
    step = Step("describe", 4, 17, "describing", 30.0, 80.0)
    shown = values.show_run(make_run(tmp_path, "running", steps=(step,)))
    assert shown["doing"] == "Describing chunk 5 of 17" and shown["left"] == "about 1 minute left"


def test_a_run_that_waits_for_its_video_says_for_what(tmp_path: Path) -> None:
    for note, done, said in (
        ("asking example.com", 0, "Loading the video: asking example.com"),
        ("film.mp4", 2_500_000, "Loading the video: 2.5 MB"),
    ):
        step = Step("load", done, 0, note, 1.0, None)
        shown = values.show_run(make_run(tmp_path, "running", steps=(step,)))
        assert shown["doing"] == said


def test_a_source_that_is_a_file_shows_its_name_without_its_folder(tmp_path: Path) -> None:
    asked = Asked("/home/someone/secret/film.mp4", "summarize", {}, "", "me", 1.0, "")
    shown = values.show_run(make_run(tmp_path, asked=asked))
    assert shown["title"] == "film.mp4" and shown["link"] == ""


def test_only_http_links_become_links(tmp_path: Path) -> None:
    for source in ("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"):
        asked = Asked(source, "summarize", {}, "", "me", 1.0, "")
        assert values.show_run(make_run(tmp_path, asked=asked))["link"] == ""


# --- a result ---------------------------------------------------------------------------------


def test_a_sentence_leads_to_the_first_chunk_that_it_rests_on(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two", "three"))
    result = values.show_result(make_run(tmp_path))
    assert result
    (section,) = result["arms"][0]["sections"]
    first, second, third = section["sentences"]
    assert (first["at"], first["cited"], first["support"]) == (0.0, "0:00–0:12", "supported")
    assert (second["at"], second["support"], second["why"]) == (6.0, "unsupported", "a reason")
    assert third["at"] is None and third["cited"] == "no chunk"


def test_gaps_stand_in_the_ledger_with_their_time_and_reason(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two", ""))
    result = values.show_result(make_run(tmp_path))
    assert result
    ledger = result["arms"][0]["ledger"]
    assert ledger["gaps"] == [{"at": 12.0, "time": "0:12–0:18", "said": "chunk 3: no reply"}]
    assert "1 failed" in ledger["said"]


def test_the_legend_explains_the_marks_that_stand_there(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two", "three"))
    result = values.show_result(make_run(tmp_path))
    assert result and {words[0] for words in result["legend"]} == {"✗", "?"}


def test_both_flows_stand_side_by_side_the_independent_one_first(tmp_path: Path) -> None:
    for name in ("context", "independent"):
        write_result(tmp_path / "out" / "arms" / name, (name, "two", "three"))
    result = values.show_result(make_run(tmp_path))
    assert result
    assert [arm["headline"] for arm in result["arms"]] == ["independent", "context"]
    assert [arm["title"] for arm in result["arms"]] == [
        "Each chunk on its own (I)", "With memory of earlier chunks (II)",
    ]  # fmt: skip


def test_a_result_whose_files_are_gone_or_broken_is_none(tmp_path: Path) -> None:
    assert values.show_result(make_run(tmp_path)) is None
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "result.json").write_text("{")
    assert values.show_result(make_run(tmp_path)) is None


def test_only_the_known_files_of_a_run_are_served(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two"))
    (tmp_path / "out" / "secret.txt").write_text("x")
    (tmp_path / "out" / "transcript.txt").symlink_to("/etc/passwd")
    run = make_run(tmp_path)
    assert [file.place for file in values.list_files(run)] == ["summary.md", "descriptions.csv"]
    for place in ("../abc", "secret.txt", "transcript.txt", "/etc/passwd", "arms/../summary.md"):
        assert values.find_file(run, place) is None


# --- the table --------------------------------------------------------------------------------


def test_an_edited_table_reads_back_with_the_new_text_alone_changed(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("=1+1", "two", "three"))
    table = tmp_path / "out" / "descriptions.csv"
    edited = tmp_path / "edited.csv"
    edited.write_bytes(values.edit_table(table, {2: "=cmd|' /C calc'!A0"}).encode())
    before, after = read_descriptions(table), read_descriptions(edited)
    assert [d.text for d in after] == ["=1+1", "=cmd|' /C calc'!A0", "three"]
    assert [(d.chunk, d.speech) for d in after] == [(d.chunk, d.speech) for d in before]
    assert "\n2,6.000,12.000,'=cmd" in edited.read_text()


def test_a_failed_chunk_that_is_given_a_text_is_described(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two", ""))
    edited = tmp_path / "edited.csv"
    table = tmp_path / "out" / "descriptions.csv"
    edited.write_bytes(values.edit_table(table, {3: "seen by me"}).encode())
    last = read_descriptions(edited)[-1]
    assert (last.status, last.text, last.error) == ("described", "seen by me", "")


@given(st.dictionaries(st.integers(1, 4), st.text(max_size=40)))
def test_any_text_written_into_the_table_comes_back_on_one_line(texts: dict[int, str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write_result(Path(folder), ("one", "two", "three", "four"))
        edited = Path(folder) / "edited.csv"
        table = Path(folder) / "descriptions.csv"
        edited.write_bytes(values.edit_table(table, texts).encode("utf-8", "replace"))
        given = {n: values.one_line(text) for n, text in texts.items()}
        for row, old in zip(
            values.read_table(edited), ("one", "two", "three", "four"), strict=True
        ):
            assert row["description"] == given.get(int(row["chunk"]), old)


# --- choices ----------------------------------------------------------------------------------


def test_a_file_can_be_named_only_where_the_page_is_its_users_own(numbered: Path) -> None:
    found = choices.look_at(f' "{numbered}" ', Settings(), own_machine=True)
    assert found.title == numbered.name and found.duration == 20.0
    with pytest.raises(LongtakeError, match="is not a link") as caught:
        choices.look_at(str(numbered), Settings(), own_machine=False)
    assert str(numbered.parent) not in caught.value.message


def test_a_dropped_file_keeps_its_visitors_name_for_it_as_a_title_alone(numbered: Path) -> None:
    path = uploads.new_path()
    path.write_bytes(numbered.read_bytes())
    found = choices.look_at_upload(path.name, "..\\..\\<b>my film</b>.mp4")
    assert found.title == "<b>my film<" or found.title.endswith(".mp4")
    assert found.upload == path.name and found.duration == 20.0


@pytest.mark.parametrize("token", ["", "..", "../runs", "0" * 31, "0" * 32, "/etc/passwd"])
def test_an_upload_that_is_not_there_is_told(token: str) -> None:
    with pytest.raises(UsageError, match="no longer here"):
        uploads.find(token)


def test_both_flows_make_a_comparison_and_one_flow_a_summary(numbered: Path) -> None:
    choice = choices.Choice(str(numbered), "numbers")
    wishes = {"engine": "fake", "length": "short", "speech": "off", "read_text": "off"}
    one = read_run(choices.start(choice, {"flow": "context", **wishes}, "me")).asked
    both = read_run(choices.start(choice, {"flow": "both", **wishes}, "me")).asked
    assert (one.kind, one.settings["flow"]) == ("summarize", "context")
    assert both.kind == "compare" and "flow" not in both.settings


# --- who may come in --------------------------------------------------------------------------


def test_the_file_for_streamlit_run_says_what_the_page_sets() -> None:
    told = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    flat: dict[str, object] = {}

    def collect(start: str, table: dict[str, Any]) -> None:
        for name, value in table.items():
            if isinstance(value, dict):
                collect(f"{start}{name}.", value)
            else:
                flat[start + name] = value

    collect("", told)
    assert flat == CONFIG


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("[::1]", True),
     ("LOCALHOST", True), ("evil.example", False), ("127.0.0.1.evil.example", False),
     ("0.0.0.0", False), ("", False)],
)  # fmt: skip
def test_only_names_of_this_machine_are_local(host: str, local: bool) -> None:
    assert is_local_host(host) is local


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The page's own routes behind its door, bound to 127.0.0.1."""
    import streamlit

    old = streamlit.get_option("server.address")
    streamlit.config.set_option("server.address", "127.0.0.1")
    app = Starlette(routes=make_routes(), middleware=make_middleware())
    with TestClient(app, base_url="http://127.0.0.1:8501") as client:
        yield client
    streamlit.config.set_option("server.address", old)


def test_a_host_name_that_was_rebound_to_this_machine_is_turned_away(client: TestClient) -> None:
    for host in ("evil.example", "evil.example:8501", "", "127.0.0.1.evil.example", "["):
        answer = client.get("/longtake/runs/x/told", headers={"host": host})
        assert answer.status_code == 403, host
    assert is_host_allowed("localhost:8501")
    assert client.get("/longtake/runs/x/told").status_code == 404


def test_each_visitor_gets_an_id_once_in_a_cookie_that_scripts_cannot_read(
    client: TestClient,
) -> None:
    first = client.get("/longtake/runs/x/told", headers={"accept": "text/html"})
    said = first.headers["set-cookie"]
    assert "HttpOnly" in said and "SameSite=Lax" in said
    assert read_visitor(said.partition(";")[0])
    again = client.get("/longtake/runs/x/told", headers={"accept": "text/html"})
    assert "set-cookie" not in again.headers
    assert read_visitor(f"{COOKIE}=../../x") == "" and read_visitor(None) == ""


# --- uploads ----------------------------------------------------------------------------------


def test_a_dropped_video_is_kept_under_an_id(client: TestClient, numbered: Path) -> None:
    answer = client.put("/longtake/uploads?name=../../x", content=numbered.read_bytes())
    assert answer.status_code == 201, answer.text
    assert uploads.find(answer.json()["upload"]).read_bytes() == numbered.read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"hello" * 1000, b"<html>" * 1000, b"\x89PNG\r\n\x1a\n" + b"\0" * 5000,
     b"\0\0\0\x20ftypisom" + b"\0" * 5000],
)  # fmt: skip
def test_what_is_no_video_by_its_content_is_refused_in_words(
    client: TestClient, content: bytes
) -> None:
    answer = client.put("/longtake/uploads?name=film.mp4", content=content)
    assert answer.status_code == 415
    assert answer.json()["error"] and answer.json()["hint"]
    assert str(uploads.folder()) not in answer.text
    assert not list(uploads.folder().iterdir())


def test_a_file_over_the_limit_is_refused_announced_or_not(
    client: TestClient, numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAKE_PAGE_UPLOAD_BYTES", "2000")
    content = numbered.read_bytes()
    announced = client.put("/longtake/uploads", content=content)
    streamed = client.put(
        "/longtake/uploads", content=(content[n : n + 500] for n in range(0, len(content), 500))
    )
    assert announced.status_code == streamed.status_code == 413
    assert "2 kB" in announced.json()["error"]
    assert not list(uploads.folder().iterdir())


def test_another_site_cannot_send_files(client: TestClient, numbered: Path) -> None:
    answer = client.put(
        "/longtake/uploads",
        content=numbered.read_bytes(),
        headers={"origin": "http://evil.example"},
    )
    assert answer.status_code == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_uploads_that_nobody_started_go_after_a_day() -> None:
    import os

    old, new = uploads.new_path(), uploads.new_path()
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (1, time.time() - uploads.KEPT_SECONDS - 10))
    assert uploads.drop_old() == 1 and new.exists() and not old.exists()


# --- a run through the routes -----------------------------------------------------------------


@pytest.fixture(scope="module")
def home_with_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home with one finished run with a hostile title; made once by a real worker."""
    folder = tmp_path_factory.mktemp("page")
    video = make_video(folder / "numbers.mp4", seconds=12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LONGTAKE_HOME", str(folder / "home"))
        settings = {
            "engine": "fake", "reconciler": "fake", "speech": "off", "read_text": "off",
        }  # fmt: skip
        asked = Asked(str(video), "summarize", dict(settings), HOSTILE[0], "me", time.time(), "")
        run = submit(asked)
        queue = Queue(1)
        queue.start()
        try:
            deadline = time.monotonic() + 60
            while (found := read_run(run)).state not in values.ENDED:
                assert time.monotonic() < deadline, found
                time.sleep(0.05)
        finally:
            queue.close()
        assert found.state == "done", found
    return folder / "home", run


@pytest.fixture
def run(home_with_run: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The finished run; its home is the test's."""
    monkeypatch.setenv("LONGTAKE_HOME", str(home_with_run[0]))
    return home_with_run[1]


def test_what_was_told_comes_once_and_the_result_when_asked_for(
    client: TestClient, run: str
) -> None:
    first = client.get(f"/longtake/runs/{run}/told?after=0&result=1").json()
    assert first["run"]["state"] == "done" and first["run"]["video"]
    assert sorted(entry["chunk"] for entry in first["told"]) == [1, 2]
    assert len(first["result"]["arms"][0]["chunks"]) == 2
    later = client.get(f"/longtake/runs/{run}/told?after={first['told'][-1]['n']}").json()
    assert later["told"] == [] and later["result"] is None
    assert client.get(f"/longtake/runs/{run}/told?after=-1x").status_code == 200


def test_the_video_comes_by_ranges(client: TestClient, run: str) -> None:
    place = f"/longtake/runs/{run}/video"
    whole = client.get(place)
    part = client.get(place, headers={"range": "bytes=10-19"})
    assert whole.headers["content-type"] == "video/mp4" and whole.headers["accept-ranges"]
    assert part.status_code == 206 and part.content == whole.content[10:20]
    assert client.get(place, headers={"range": "bytes=99999999-"}).status_code == 416


def test_each_chunk_has_a_picture(client: TestClient, run: str) -> None:
    answer = client.get(f"/longtake/runs/{run}/thumbs/1.jpg")
    assert answer.content[:3] == b"\xff\xd8\xff" and answer.headers["content-type"] == "image/jpeg"
    assert client.get(f"/longtake/runs/{run}/thumbs/999.jpg").status_code == 404


def test_files_come_as_downloads_whatever_they_hold(client: TestClient, run: str) -> None:
    for file in values.list_files(read_run(run)):
        answer = client.get(f"/longtake/runs/{run}/files/{file.place}")
        assert answer.content == file.path.read_bytes()
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "<" not in answer.headers["content-disposition"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"/longtake/runs/{run}/files/summary.json").json()["summary"]


@pytest.mark.parametrize("name", ["nobody", "..", "%2e%2e", "%2e%2e%2fuploads", "a" * 500])
def test_a_run_that_is_not_there_is_told_on_every_route(client: TestClient, name: str) -> None:
    for rest in ("told", "video", "thumbs/1.jpg", "files/summary.md"):
        assert client.get(f"/longtake/runs/{name}/{rest}").status_code == 404


# --- the script -------------------------------------------------------------------------------


@pytest.fixture
def page() -> Iterator[AppTest]:
    """The script, as bound to 127.0.0.1."""
    import streamlit

    old = streamlit.get_option("server.address")
    streamlit.config.set_option("server.address", "127.0.0.1")
    yield AppTest.from_file(str(SCRIPT), default_timeout=20)
    streamlit.config.set_option("server.address", old)


def test_the_first_screen_takes_a_file_and_starts_a_run_on_it(
    page: AppTest, numbered: Path
) -> None:
    page.run()
    assert not page.exception
    page.text_input(key="pasted").set_value(str(numbered))
    next(button for button in page.button if button.label == "Look").click().run()
    assert any(numbered.stem in m.value for m in page.markdown)
    page.radio(key="flow").set_value("context").run()
    page.button(key="start").click().run()
    assert not page.exception
    (found,) = list_runs(None)
    assert page.query_params["run"] == found.id
    assert found.asked.source == str(numbered) and found.asked.settings["flow"] == "context"


def test_what_is_no_video_is_told_on_the_first_screen(page: AppTest, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"hello" * 100)
    page.run()
    for text in (str(tmp_path / "x.mp4"), str(tmp_path / "nothing.mp4"), "ftp://x/y", ""):
        page.text_input(key="pasted").set_value(text)
        next(button for button in page.button if button.label == "Look").click().run()
        assert not page.exception and page.error, text


def test_a_run_that_is_gone_is_told(page: AppTest) -> None:
    page.query_params["run"] = "nobody"
    page.run()
    assert not page.exception and "no such run" in page.warning[0].value


def test_a_finished_run_has_a_table_that_starts_another_run(
    page: AppTest, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.query_params["run"] = run
    page.run()
    assert not page.exception, page.exception
    page.button(key="again").click().run()
    assert not page.exception and not page.error
    new = read_run(page.query_params["run"])
    assert (new.asked.kind, new.asked.of) == ("reconcile", run)


def test_a_hostile_title_is_text_in_the_list_of_runs(page: AppTest, run: str) -> None:
    page.run()
    label = page.button(key=f"open-{run}").label
    assert label.startswith("\\<script\\>")


@pytest.mark.parametrize("port", [-1, 99_999])
def test_port_that_can_t_be_is_told_before_anything_is_served(port: int) -> None:
    with pytest.raises(UsageError, match=f"port {port}"):
        serve("127.0.0.1", port)


def test_port_that_is_taken_is_told_with_what_to_do() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UsageError, match="nothing can be served") as raised,
    ):
        serve("127.0.0.1", taken.getsockname()[1])
    assert "--port" in raised.value.hint


def test_visitor_is_known_whatever_other_cookies_the_host_has() -> None:
    token = "0123456789abcdef" * 2
    for others in ('theme={"dark": true}; ', "a b=c d; ", "x=1; "):
        assert read_visitor(f"{others}{COOKIE}={token}") == token
        assert read_visitor(f"{COOKIE}={token}; {others}") == token
    assert read_visitor(f"not{COOKIE}={token}") == read_visitor(f"{COOKIE}={token}0") == ""


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_what_comes_through_a_proxy_is_not_taken_for_the_page_s_own_user(
    client: TestClient, run: str, name: str
) -> None:
    place = f"/longtake/runs/{run}/told"
    assert client.get(place).status_code == 200
    refused = client.get(place, headers={name: "203.0.113.9"})
    assert refused.status_code == 403 and "allowedHosts" in refused.text


def test_number_of_any_length_asks_for_all_that_was_told(client: TestClient, run: str) -> None:
    for after in ("9" * 5000, "-1", "x", "١"):
        told = client.get(f"/longtake/runs/{run}/told", params={"after": after})
        assert told.status_code == 200


def test_upload_that_is_not_started_is_dropped_with_the_next_choice(tmp_path: Path) -> None:
    path = uploads.new_path()
    path.write_bytes(b"x")
    uploads.drop(path.name)
    uploads.drop("../../etc")
    assert not path.exists()
