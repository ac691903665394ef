"""What programs ask for: only files that the owner allows, servers that he named, public links."""

from pathlib import Path

import pytest

from longtake.errors import LinkError, LongtakeError, UsageError
from longtake.models.fetch import is_kept_of_hub
from longtake.pipeline.moment import USUAL_QUESTION
from longtake.runs.folder import OF_SERVER, list_runs, read_run
from longtake.runs.requests import KINDS, OF_PROGRAMS, Order, check_settings, place_order
from longtake.runs.servers import Connected, connect
from longtake.runs.uploads import new_path
from longtake.store import Store, store_path
from tests import looks

LINK = "https://site.example/watch?v=1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder whose files may be named, with a film in it."""
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "talk.mp4").write_bytes(b"film")
    (tmp_path / "secret.mp4").write_bytes(b"film")
    (folder / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    return folder


def place(root: Path | None = None, **order: object) -> str:
    run = place_order(Order(**order), [root] if root else [], "laptop")  # type: ignore[arg-type]
    return run.id


def test_link_becomes_a_run_that_waits_for_its_turn() -> None:
    asked = read_run(place(source=f" {LINK}#t=3 ", settings={"length": "short"})).asked
    assert (asked.kind, asked.source, asked.visitor) == ("summarize", LINK, "laptop")
    assert asked.settings == {"length": "short"} and not asked.light


def test_file_below_an_allowed_folder_may_be_named(root: Path) -> None:
    assert read_run(place(root, source=str(root / "talk.mp4"))).asked.source == str(
        root / "talk.mp4"
    )
    for name in (f"{root}/../films/talk.mp4", "talk.mp4", "./talk.mp4"):
        assert read_run(place(root, source=name)).asked.source == str(root / "talk.mp4")


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "{root}/../secret.mp4", "{root}/out.mp4", "{root}/none.mp4",
             "/etc/none", "none.mp4", "../secret.mp4", "~/x.mp4", "\0", "a" * 5000, "file.mp4\n",
             "{root}-other/x"],
)  # fmt: skip
def test_no_other_file_may_and_nothing_is_told_of_it(root: Path, name: str) -> None:
    named = name.replace("{root}", str(root))
    with pytest.raises(UsageError) as told:
        place(root, source=named)
    assert told.value.message.startswith("there is no file") and "--root" in told.value.hint
    assert list_runs() == []


def test_without_a_folder_no_file_may_be_named(root: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        place(source=str(root / "talk.mp4"))
    with pytest.raises(UsageError, match="is no file"):
        place(root, source=str(root))


@pytest.mark.parametrize(
    "link", ["file:///etc/passwd", "ftp://x.example/v", "http://u:p@x.example"]
)
def test_links_of_other_kinds_are_refused(link: str) -> None:
    with pytest.raises(LinkError):
        place(source=link)


@pytest.mark.parametrize("name", sorted(OF_SERVER))
def test_settings_that_are_the_server_s_own_are_refused_by_their_names(name: str) -> None:
    assert name not in OF_PROGRAMS
    with pytest.raises(UsageError) as told:
        place(source=LINK, settings={name: "1"})
    assert name in told.value.message


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"nonsense": 1}, "nonsense"), ({"frames": -1}, "frames"), ({"flow": "sideways"}, "sideways"),
     ({"focus": "x" * 501}, "focus"), ({"chunk_seconds": "long"}, "chunk_seconds"),
     ({"strict": "perhaps"}, "strict"), ({"frames": [1]}, "frames"), ({"frames": {}}, "frames"),
     ({"chunk_seconds": float("nan")}, "chunk_seconds"), ({"frames": 10**400}, "frames")],
)  # fmt: skip
def test_setting_that_can_t_be_is_told_by_its_name(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as told:
        place(source=LINK, settings=settings)
    assert said in told.value.message + told.value.hint


@pytest.mark.parametrize("name", ["base_url", "reconciler_base_url", "ollama_url"])
def test_only_servers_that_the_owner_named_are_asked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = "http://169.254.169.254/v1"
    for address in (evil, f"http://127.0.0.1:8000/v1,{evil}"):
        with pytest.raises(UsageError, match=rf"can't set {name}"):
            check_settings({name: address}, [])
    connect(Connected("http://127.0.0.1:8000/v1", "vllm", ("m",), "key"))
    assert check_settings({name: "http://127.0.0.1:8000/v1/"}, [])
    monkeypatch.setenv("OPENAI_BASE_URL", "http://models.example/v1")
    assert check_settings({name: "http://models.example/v1"}, [])


@pytest.mark.parametrize(
    "settings",
    [{"engine": "gguf:/weights/model.gguf"}, {"engine": "transformers:./model"},
     {"reconciler": "gguf:~/m.gguf"}, {"speech": "/whisper"}, {"subtitles": "/etc/passwd"},
     {"actions": "../model"}, {"embedder": "/model"}, {"judge": "transformers:/m"},
     {"embedder": "/models/a:b"}, {"engine": "gguf:m.gguf+/weights/mmproj.gguf"},
     {"engine": "gguf:films/../../m.gguf"}, {"actions": "org/../../model"}],
)  # fmt: skip
def test_models_and_subtitles_are_files_like_others(
    root: Path, settings: dict[str, object]
) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        check_settings(settings, [root])


def test_models_of_a_hub_and_files_below_a_folder_may_be_named(root: Path) -> None:
    (root / "talk.srt").write_text("1\n")
    assert check_settings({"engine": "gguf:smolvlm2-500m-video", "speech": "small"}, [root])
    assert check_settings({"subtitles": str(root / "talk.srt")}, [root])


def test_both_files_of_a_model_that_sees_must_be_allowed(root: Path) -> None:
    for folder in (root, root.parent):
        for name in ("m.gguf", "mmproj.gguf"):
            (folder / name).write_bytes(b"GGUF")
    assert check_settings({"engine": f"gguf:{root}/m.gguf+mmproj.gguf"}, [root])
    assert check_settings({"engine": f"gguf:{root}/m.gguf+{root}/mmproj.gguf"}, [root])
    for second in (f"{root.parent}/mmproj.gguf", "../mmproj.gguf", "x/../../mmproj.gguf"):
        with pytest.raises(UsageError, match="there is no file"):
            check_settings({"engine": f"gguf:{root}/m.gguf+{second}"}, [root])


def test_upload_becomes_the_run_s_own() -> None:
    path = new_path()
    path.write_bytes(b"film")
    run = read_run(place(upload=path.name, title="../../A talk.mp4"))
    assert Path(run.asked.source) == run.folder / "upload" / "video" and not path.exists()
    for token in ("0" * 32, "../../etc/passwd", "x"):
        with pytest.raises(UsageError, match="no longer here"):
            place(upload=token)


@pytest.mark.parametrize(
    "settings",
    [{"embedder": "somebody/onnx"}, {"engine": "transformers:somebody/model"},
     {"judge": "transformers:gpt2"}, {"actions": "somebody/videomae"}],
)  # fmt: skip
def test_model_of_a_hub_that_is_not_here_is_the_owner_s_to_fetch(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="no such model is here"):
        check_settings(settings, [])
    (named,) = settings
    monkeypatch.setenv(f"LONGTAKE_{named.upper()}", settings[named])
    assert check_settings(settings, [])


def test_model_of_a_hub_is_here_where_its_client_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "models--somebody--model").mkdir()
    assert is_kept_of_hub("somebody/model", tmp_path)
    assert not is_kept_of_hub("somebody/other", tmp_path)


@pytest.mark.parametrize(
    "link", ["http://localhost/x", "http://127.1/x", "http://[::1]:80/x", "http://10.0.0.8/x",
             "http://2130706433/", "ftp://a.example/x", "a.example/x", "http://u:p@a.example/"],
)  # fmt: skip
def test_link_to_notify_is_public(link: str) -> None:
    with pytest.raises(LinkError):
        place(source=LINK, notify=link)
    assert list_runs() == []


@pytest.mark.parametrize(
    ("start", "end"), [(5, 5), (6, 5), (-1, 5), (float("nan"), 5), (0, float("inf")), (0, 601)]
)
def test_stretch_that_is_none_is_told(start: float, end: float) -> None:
    with pytest.raises(UsageError, match="stretch"):
        place(kind="look", source=LINK, start=start, end=end)


def test_look_without_a_question_asks_what_is_to_be_seen() -> None:
    asked = read_run(place(kind="look", source=LINK, start=1, end=5)).asked
    assert (asked.question, asked.start, asked.end) == (USUAL_QUESTION, 1, 5)


def test_question_is_of_the_videos_that_are_named(hall: Path) -> None:
    with pytest.raises(UsageError, match="no video in the library yet"):
        place(kind="ask", question="what?")
    with Store(store_path()) as store:
        looks.put_known(hall, store)
    run = read_run(place(kind="ask", question="what does the plate say?"))
    (sha256,) = run.asked.videos
    for name in (hall.name, sha256[:8], sha256):
        assert read_run(place(kind="ask", question="what?", videos=(name,))).asked.videos
    for name in ("other.mp4", "", sha256[:3]):
        with pytest.raises(UsageError, match="no video"):
            place(kind="ask", question="what?", videos=(name,))
    seen = read_run(place(kind="look", source=sha256[:12], start=0, end=5)).asked
    assert seen.source == str(hall)


def test_question_without_a_word_is_told() -> None:
    for question in ("", "  ", "?!", "x" * 5000):
        with pytest.raises(LongtakeError):
            place(kind="ask", question=question)


def test_what_loads_no_model_takes_no_slot_from_who_does(hall: Path) -> None:
    def is_light(kind: str, **settings: object) -> bool:
        return read_run(
            place(kind=kind, source=LINK, question="what?", start=0, end=1, settings=settings)
        ).asked.light

    with Store(store_path()) as store:
        looks.put_known(hall, store)
    assert is_light("ask", reconciler="digest", engine="sketch")
    assert is_light("ask", reconciler="server:m", engine="server:m")
    assert not is_light("ask", reconciler="gguf:qwen3-1.7b", engine="sketch")
    assert not is_light("ask", reconciler="server:m", engine="gguf:smolvlm2-500m-video")
    assert is_light("look", engine="server:m") and is_light("look", engine="sketch")
    assert not is_light("look", engine="gguf:smolvlm2-500m-video")
    assert not is_light("summarize", engine="server:m")
    assert set(KINDS) == {"summarize", "compare", "transcribe", "look", "ask"}
