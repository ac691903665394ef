"""Frames as one video, where a server takes them so."""

import base64
from math import ceil

import pytest

from longtake.errors import (
    EngineError,
    EngineFailed,
    EngineRefused,
    RequestTooLarge,
    UsageError,
)
from longtake.inference.engine import Request
from tests.engines.server.opened import (
    make_corners,
    open_at,
    open_video,
    refuse_fields,
    refuse_images,
)
from tests.servers import (
    CHAT,
    ScriptedServer,
    as_error,
)


def test_frames_go_as_one_video_after_their_times(server: ScriptedServer) -> None:
    frames = [make_corners(62.0), make_corners(63.5, turned=True), make_corners(67.0)]
    labelled = [part for f, t in zip(frames, "237", strict=True) for part in (f"At 1:0{t}:", f)]
    with open_video(server) as engine:
        assert engine.options["frames_as"] == "video"
        engine.answer(Request("s", ("Before.", *labelled, "Describe.")))
    (body,) = server.chats
    before, times, video, after = body["messages"][-1]["content"]
    texts = [part["text"] for part in (before, times, after)]
    assert texts == ["Before.", "Frames at 1:02, 1:03, 1:07:", "Describe."]
    head, *data = video["video_url"]["url"].split(",")
    assert (video["type"], head) == ("video_url", "data:video/jpeg;base64")
    assert [base64.b64decode(part, validate=True) for part in data] == [f.jpeg for f in frames]
    told = body["media_io_kwargs"]["video"]
    assert [place / told["fps"] for place in told["frames_indices"]] == [62.0, 63.5, 67.0]
    assert told["duration"] == told["total_num_frames"] / told["fps"] == 7.5


def test_single_frame_goes_as_an_image_all_the_same(server: ScriptedServer) -> None:
    with open_video(server) as engine:
        engine.answer(Request("s", (make_corners(1.0), "Describe.")))
    (body,) = server.chats
    assert [part["type"] for part in body["messages"][-1]["content"]] == ["image_url", "text"]
    assert "media_io_kwargs" not in body


def test_video_is_sent_without_its_times_where_they_are_not_trusted(
    server: ScriptedServer,
) -> None:
    said = as_error(
        400,
        "Per-request media_io_kwargs are disabled by default because they can change multimodal"
        " media loading resource usage. (parameter=media_io_kwargs)",
    )
    server.set(CHAT, refuse_fields(("media_io_kwargs", said)))
    frames = (make_corners(1.0), make_corners(2.0))
    with open_video(server) as engine:
        assert engine.answer(Request("s", frames)).text == "A cat."
    assert ["media_io_kwargs" in body for body in server.chats] == [True, False]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "At most 0 video(s) may be provided in one prompt."),
        (400, "Failed to load image or audio file"),
        (500, "video input is not supported"),
    ],
)
def test_server_that_takes_no_video_is_to_be_sent_images(
    server: ScriptedServer, status: int, message: str
) -> None:
    server.set(CHAT, refuse_images(status, message))
    with open_video(server) as engine:
        with pytest.raises(EngineError) as refused:
            engine.answer(Request("s", (make_corners(1.0), make_corners(2.0))))
        assert isinstance(refused.value, EngineRefused | EngineFailed)
        with pytest.raises(UsageError, match="no frames as a video") as caught:
            engine.check_sight()
    assert "--frames-as images" in refused.value.hint and "--frames-as images" in caught.value.hint


def test_no_more_frames_are_sent_than_a_video_keeps(server: ScriptedServer) -> None:
    with open_video(server) as engine:
        assert engine.capabilities.images == 32
        with pytest.raises(RequestTooLarge, match="33 frames"):
            engine.answer(Request("s", (make_corners(1.0),) * 33))
    assert server.chats == []


def test_pairs_of_frames_in_a_video_cost_qwen_what_an_image_does(server: ScriptedServer) -> None:
    with open_at(server, frames_as="images") as engine:
        assert "frames_as" not in engine.options
    with open_video(server, "Qwen/Qwen3-VL-4B-Instruct") as engine:
        each = engine.frame_tokens(640, 352)
    assert each < 20 * 11
    for frames in range(2, 12):
        assert frames * each >= ceil(frames / 2) * 20 * 11
    with open_video(server, "other") as engine:
        assert engine.frame_tokens(640, 352) >= 20 * 11
