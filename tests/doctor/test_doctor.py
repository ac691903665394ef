"""The doctor: what would run where, how fast, why, and what it advises."""

import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.cli.main import main
from longtake.describe.frame_limits import View
from longtake.doctor.candidates import (
    CANDIDATES,
    PROMPT_SHARE,
    REPLY_SHARE,
    VISION_SHARE,
    Candidate,
    Fit,
    Place,
    count_frame_tokens,
    count_patches,
    estimate,
    fit_candidate,
    list_places,
)
from longtake.doctor.inspect import (
    Advice,
    Findings,
    Kept,
    Package,
    advise,
    find_cached,
    find_llama_cards,
    find_torch_cards,
    fit_all,
    inspect,
    is_quick,
    list_packages,
    say_seconds,
)
from longtake.doctor.report import as_values, explain, say
from longtake.doctor.servers import Served, Server
from longtake.installation import say_extra_install, say_pip_install
from longtake.machine import Gpu, Machine, MemorySize, Speed
from longtake.models.memory_need import cache_bytes
from longtake.models.table import SMOLVLM2, VLMS
from longtake.settings import Settings
from tests.servers import MODELS, as_models, hang, serve

GIB = 1 << 30
SPEED = Speed(200e9, 40e9)
SMALL = Machine(2, "a processor", MemorySize(24 * GIB, 22 * GIB), ())
H100 = Gpu("NVIDIA H100 80GB HBM3", "cuda", MemorySize(80 * GIB, 79 * GIB))
NO_CARDS: dict[str, tuple[str, ...]] = {"gguf": (), "transformers": ()}
TORCH = (Package("transformers", "5"), Package("torch", "2", "CUDA 12.8"))


def candidate(model: str) -> Candidate:
    return next(found for found in CANDIDATES if found.model.endswith(model))


def fits_of(machine: Machine, settings: Settings | None = None) -> tuple[Fit, ...]:
    kinds = tuple(gpu.kind for gpu in machine.gpus)
    return fit_all(settings or Settings(), machine, SPEED, {"gguf": (), "transformers": kinds})


def fit_of(model: str, machine: Machine) -> Fit:
    return next(fit for fit in fits_of(machine) if fit.candidate.model.endswith(model))


def in_memory(free: int, speed: Speed | None = SPEED) -> list[Place]:
    return list_places(replace(SMALL, memory=MemorySize(free, free)), speed, "gguf", ())


def advice_for(
    fits: Sequence[Fit] = (),
    servers: Sequence[Server] = (),
    models: Sequence[Kept] = (),
    packages: Sequence[Package] = TORCH,
    **settings: str,
) -> Advice:
    return advise(Settings(**settings), servers, models, packages, fits, {})  # type: ignore[arg-type]


# What a model takes


def test_every_model_of_the_table_with_eyes_is_a_candidate_of_its_own_size() -> None:
    known = {c.model: c for c in CANDIDATES if c.engine == "gguf"}
    assert set(known) == {model.name for model in VLMS}
    for model in VLMS:
        (precision,) = known[model.name].precisions
        assert precision.weights_bytes == model.bytes
        assert precision.name in model.weights.file
        assert known[model.name].shape == model.shape


def test_needed_memory_is_weights_cache_and_room_to_work() -> None:
    fit = fit_candidate(candidate("qwen3-vl-4b"), in_memory(22 * GIB), View(6, 512), 3)
    assert fit.fits
    assert fit.cache_bytes == cache_bytes(fit.candidate.shape, 8192) == 2 * 36 * 8 * 128 * 2 * 8192
    assert fit.needed_bytes == fit.weights_bytes + fit.cache_bytes + fit.work_bytes
    assert fit.needed_bytes <= fit.place.free


def test_a_model_that_fits_to_the_byte_fits_and_a_byte_less_does_not() -> None:
    smol = candidate("smolvlm2-500m-video")
    wanted = View(6, 512)
    least = fit_candidate(smol, in_memory(0), wanted, 3).needed_bytes
    assert fit_candidate(smol, in_memory(least), wanted, 3).fits
    assert not fit_candidate(smol, in_memory(least - 1), wanted, 3).fits


def test_less_memory_makes_the_context_shorter_before_it_refuses() -> None:
    qwen = candidate("qwen3-vl-4b")
    contexts = [
        fit_candidate(qwen, in_memory(free), View(6, 512), 3).context_tokens
        for free in (8 * GIB, qwen.precisions[0].weights_bytes + GIB + GIB // 4)
    ]
    assert contexts == [8192, 4096]


def test_frames_are_fewer_or_smaller_where_the_context_holds_no_more() -> None:
    qwen = candidate("qwen2.5-vl-3b")
    wanted = View(12, 1024)
    free = qwen.precisions[0].weights_bytes + GIB
    fit = fit_candidate(qwen, in_memory(free), wanted, 3)
    assert fit.fits
    assert (fit.view.frames, fit.view.side) < (wanted.frames, wanted.side)
    assert fit.view.frames * fit.frame_tokens < fit.context_tokens


@pytest.mark.parametrize(
    ("model", "tokens", "patches"),
    [
        ("qwen3-vl-4b", 16 * 9 + 4, 32 * 18),
        ("qwen2.5-vl-3b", 19 * 11 + 4, 37 * 21),
        ("SmolVLM2-2.2B-Instruct", 81 + 4, 28 * 28),
        # llama.cpp looks at the frame whole, and at one tile.
        ("smolvlm2-500m-video", 2 * 64 + 14, 2 * 32 * 32),
    ],
)
def test_a_frame_has_the_tokens_and_patches_of_its_family(
    model: str, tokens: int, patches: int
) -> None:
    assert count_frame_tokens(candidate(model), 512) == tokens
    assert count_patches(candidate(model).encoding, 512) == patches


# Where it runs


def test_a_card_goes_before_memory_in_the_best_precision_that_fits_it() -> None:
    big = fit_of("Qwen3-VL-8B-Instruct", replace(SMALL, gpus=(H100,)))
    assert (big.place.name, big.precision, big.fits) == (H100.name, "bf16", True)
    small_card = Gpu("NVIDIA GeForce RTX 3060", "cuda", MemorySize(12 * GIB, 11 * GIB))
    packed = fit_of("Qwen3-VL-8B-Instruct", replace(SMALL, gpus=(small_card,)))
    assert (packed.place.name, packed.precision) == (small_card.name, "4bit")


def test_a_card_that_is_full_leaves_the_memory() -> None:
    full = Gpu(H100.name, "cuda", MemorySize(80 * GIB, GIB))
    fit = fit_of("Qwen3-VL-8B-Instruct", replace(SMALL, gpus=(full,)))
    assert (fit.place.name, fit.precision) == ("memory", "bf16")


def test_four_bits_are_for_cuda_alone() -> None:
    apple = Gpu("Apple M4", "metal", MemorySize(11 * GIB, 11 * GIB))
    machine = Machine(8, "Apple M4", MemorySize(16 * GIB, 11 * GIB), (apple,))
    fit = fit_of("Qwen3-VL-8B-Instruct", machine)
    assert (fit.precision, fit.fits) == ("bf16", False)


def test_the_freest_card_that_the_engine_can_use_is_taken() -> None:
    cards = (
        Gpu("full", "cuda", MemorySize(80 * GIB, GIB)),
        Gpu("free", "cuda", MemorySize(24 * GIB, 20 * GIB)),
        Gpu("other", "rocm", MemorySize(99 * GIB, 99 * GIB)),
    )
    machine = replace(SMALL, gpus=cards)
    names = [place.name for place in list_places(machine, SPEED, "transformers", ("cuda",))]
    assert names == ["free", "full", "memory"]
    assert [p.name for p in list_places(machine, SPEED, "gguf", ())] == ["memory"]


@pytest.mark.parametrize(
    ("device", "names"),
    [("cpu", ["memory"]), ("cuda", [H100.name]), ("mps", ["no card"])],
)
def test_the_device_of_the_settings_is_kept(device: str, names: list[str]) -> None:
    machine = replace(SMALL, gpus=(H100,))
    places = list_places(machine, SPEED, "transformers", ("cuda",), device)
    assert [place.name for place in places] == names


def test_nothing_fits_a_device_that_is_not_here() -> None:
    fits = fits_of(SMALL, Settings(device="cuda"))
    assert not any(fit.fits for fit in fits)
    assert all([*explain(fit)] for fit in fits)


# How fast


def test_time_is_the_work_over_the_speed_that_is_left() -> None:
    qwen = candidate("qwen3-vl-4b")
    place = Place("memory", "cpu", 9 * GIB, SPEED)
    took = estimate(qwen, place, 3_000_000_000, View(3, 512))
    assert took
    assert took.tokens == 3 * (148 + 16) + 192
    assert took.encode == pytest.approx(2 * 410e6 * 3 * 576 / (200e9 * VISION_SHARE))
    assert took.read == pytest.approx(2 * 4.02e9 * took.tokens / (200e9 * PROMPT_SHARE))
    assert took.write == pytest.approx(80 * 3e9 / (40e9 * REPLY_SHARE))


def test_llama_cpp_leaves_a_core_free_and_pytorch_none() -> None:
    (llama,) = list_places(SMALL, SPEED, "gguf", ())
    (torch,) = list_places(SMALL, SPEED, "transformers", ())
    assert llama.speed == Speed(100e9, 40e9)
    assert torch.speed == SPEED
    (single,) = list_places(replace(SMALL, cores=1), SPEED, "gguf", ())
    assert single.speed == SPEED


def test_what_was_measured_with_llama_cpp_is_within_a_factor_of_two() -> None:
    """Random weights in the shape of SmolVLM2-500M, three frames, one thread: 23 s."""
    place = Place("memory", "cpu", 9 * GIB, Speed(107e9, 39e9))
    took = estimate(candidate("smolvlm2-500m-video"), place, SMOLVLM2.bytes, View(3, 512))
    assert took
    assert 23 / 2 < took.total < 23 * 2


def test_no_speed_gives_no_estimate_and_says_so() -> None:
    odd = replace(SMALL, gpus=(Gpu("Some New Card", "cuda", H100.memory),))
    fit = fit_of("Qwen3-VL-8B-Instruct", odd)
    assert fit.fits
    assert fit.duration is None
    assert any("not estimated" in line for line in explain(fit))
    assert is_quick(fit, 6)
    slow = fit_candidate(candidate("qwen3-vl-4b"), in_memory(9 * GIB, None), View(6, 512), 3)
    assert slow.duration is None
    assert not is_quick(slow, 6)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (3.14, "3.1 s"),
        (31.4, "31 s"),
        (89, "89 s"),
        (100, "1.7 min"),
        (1200, "20 min"),
        (7200, "2.0 h"),
        (72000, "20 h"),
    ],
)
def test_estimates_have_few_digits(seconds: float, text: str) -> None:
    assert say_seconds(seconds) == text


# What is advised


def test_two_cores_are_advised_the_small_model_and_how_to_get_it() -> None:
    found = advice_for(fits_of(SMALL))
    assert found.engine == "sketch"
    assert found.command == "longtake models pull smolvlm2-500m-video"
    assert "ten minutes of video" in found.better


def test_a_large_card_is_advised_the_best_model_with_all_that_it_needs() -> None:
    machine = replace(SMALL, gpus=(H100,))
    bare = advice_for(fits_of(machine), packages=(Package("torch", ""),))
    assert bare.command == (
        f"{say_extra_install('transformers')} &&"
        " longtake summarize FILE --engine transformers:Qwen/Qwen3-VL-8B-Instruct"
    )
    ready = advice_for(fits_of(machine))
    assert "pip" not in ready.command


def test_what_the_disk_can_t_hold_is_not_advised() -> None:
    fits = fits_of(replace(SMALL, gpus=(H100,)))
    room = {"gguf": 4 * GIB, "transformers": 6 * GIB}
    found = advise(Settings(), (), (), TORCH, fits, room)
    assert "SmolVLM2-2.2B" in found.command
    kept = Kept("Qwen/Qwen3-VL-8B-Instruct", "transformers", 1, here=True, images=True)
    assert "Qwen3-VL-8B" in advise(Settings(), (), [kept], TORCH, fits, room).command


def test_a_small_card_is_advised_four_bits() -> None:
    card = Gpu("NVIDIA GeForce RTX 3060", "cuda", MemorySize(12 * GIB, 11 * GIB))
    found = advice_for(fits_of(replace(SMALL, gpus=(card,))))
    assert found.command == (
        f"{say_pip_install('bitsandbytes')} && longtake summarize FILE"
        " --engine transformers:Qwen/Qwen3-VL-8B-Instruct --quantize 4bit"
    )


def test_a_served_model_that_takes_images_needs_no_download() -> None:
    server = Server("http://127.0.0.1:8000/v1", "vLLM", (Served("Qwen/Qwen3-VL-4B", 0, None),))
    found = advice_for(fits_of(SMALL), [server])
    assert found.command == (
        "longtake summarize FILE --engine server:Qwen/Qwen3-VL-4B"
        " --base-url http://127.0.0.1:8000/v1"
    )
    assert "by its name" in found.better
    ollama = Server("http://127.0.0.1:11434/v1", "Ollama", (Served("see:3b", 0, True),))
    assert advice_for((), [ollama]).command == "longtake summarize FILE --engine ollama:see:3b"


@pytest.mark.parametrize("served", [Served("llama-3", 0, None), Served("qwen-vl", 0, False)])
def test_a_served_model_without_eyes_is_not_advised(served: Served) -> None:
    server = Server("http://127.0.0.1:8000/v1", "", (served,))
    assert "server" not in advice_for(fits_of(SMALL), [server]).command


def test_a_model_s_name_can_t_smuggle_a_command() -> None:
    server = Server("http://127.0.0.1:8000/v1", "", (Served("vlm; rm -rf ~ $(x)", 0, True),))
    assert "'server:vlm; rm -rf ~ $(x)'" in advice_for((), [server]).command


def test_a_named_engine_is_what_is_used() -> None:
    found = advice_for(fits_of(SMALL), engine="fake")
    assert (found.engine, found.why) == ("fake", "set in the environment or in settings.toml")
    assert found.command
    assert advice_for(fits_of(SMALL), engine="server:mine") == Advice(
        "server:mine", "set in the environment or in settings.toml"
    )


def test_who_has_the_best_that_runs_well_is_left_alone() -> None:
    found = advice_for(fits_of(SMALL), engine="gguf:smolvlm2-500m-video")
    assert (found.command, found.better) == ("", "nothing better would run well here")


def test_weights_that_are_here_are_what_is_used(home: Path) -> None:
    for asset in SMOLVLM2.files:
        path = home / "models" / SMOLVLM2.name / asset.file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(asset.bytes)  # a hole: takes no room
    found = advice_for(fits_of(SMALL))
    assert found.engine == "gguf:smolvlm2-500m-video"
    assert found.command == ""


def test_a_machine_too_small_or_too_slow_is_told_to_use_a_server() -> None:
    tiny = replace(SMALL, memory=MemorySize(GIB, GIB // 2))
    assert "no vision-language model fits" in advice_for(fits_of(tiny)).better
    slow = fit_all(Settings(), SMALL, Speed(1e9, 1e9), NO_CARDS)
    assert "times the video's length" in advice_for(slow).better


# What is here


def write_repo(cache: Path, name: str, config: object, weights: bool = True) -> None:
    """A model in the hub's cache, as its client lays it out."""
    folder = cache / f"models--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / "abc123"
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc123")
    text = config if isinstance(config, str) else json.dumps(config)
    (snapshot / "config.json").write_text(text)
    if weights:
        (snapshot / "model.safetensors").write_bytes(b"0" * 100)


def test_models_with_eyes_are_found_in_the_hub_s_cache(tmp_path: Path) -> None:
    sees = {"architectures": ["Qwen3VLForConditionalGeneration"], "vision_config": {}}
    write_repo(tmp_path, "a/sees", sees)
    write_repo(tmp_path, "b/half", sees, weights=False)
    write_repo(tmp_path, "c/clip", {"architectures": ["CLIPModel"], "vision_config": {}})
    write_repo(tmp_path, "d/text", {"architectures": ["LlamaForCausalLM"]})
    write_repo(tmp_path, "e/broken", "{")
    write_repo(tmp_path, "f/odd", [1])
    kept, trouble = find_cached(tmp_path)
    assert [(model.name, model.here) for model in kept] == [("a/sees", True), ("b/half", False)]
    assert trouble == ""


def test_a_cache_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    assert find_cached(tmp_path / "none") == ((), "")


def test_a_broken_cache_is_noted(tmp_path: Path) -> None:
    (tmp_path / "models--a--b").mkdir()
    (tmp_path / "models--c--d").write_text("")
    (tmp_path / "what").mkdir()
    kept, trouble = find_cached(tmp_path)
    assert kept == ()
    assert re.fullmatch(r"\d broken entries .*", trouble)
    (tmp_path / "file").write_text("")
    assert "can't be read" in find_cached(tmp_path / "file")[1]


def test_packages_are_listed_with_their_versions_and_none_is_imported() -> None:
    found = {package.name: package for package in list_packages()}
    assert found["xllamacpp"].version
    assert found["yt-dlp"].version and found["deno"].version
    engines = {"xllamacpp", "transformers", "torch", "accelerate", "bitsandbytes"}
    assert set(found) == engines | {"yt-dlp", "deno", "streamlit"}


@pytest.mark.parametrize(
    ("version", "note", "kinds"),
    [
        ("2.13.0+cpu", "CPU only", ()),
        ("2.13.0", "CUDA 12.8", ("cuda",)),
        ("2.13.0", "ROCm 6.4", ("rocm",)),
        ("", "", ("cuda",)),
    ],
)
def test_pytorch_uses_the_cards_that_it_was_built_for(
    version: str, note: str, kinds: tuple[str, ...]
) -> None:
    assert find_torch_cards([Package("torch", version, note)], [H100]) == kinds


def test_llama_cpp_names_the_cards_of_its_build() -> None:
    assert set(find_llama_cards()) <= {"cuda", "rocm", "metal"}


# The whole


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_tool(folder: Path, script: str) -> None:
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_doctor_s_document_has_every_part_and_no_secret(tools: Path) -> None:
    write_tool(tools, "echo 'NVIDIA GeForce RTX 4090, 24564, 23000'")
    with serve() as server:
        server.set(MODELS, as_models({"id": "see-vl", "owned_by": "vllm"}))
        settings = Settings(base_url=server.base_url, api_key="sk-secret-secret")
        findings = inspect(settings, (), {})
    values = json.loads(json.dumps(as_values(findings, 6)))
    keys = "longtake python machine servers models speech writer extras fits advice notes".split()
    assert list(values) == keys
    assert values["machine"]["gpus"][0]["memory"]["free"] == 23000 << 20
    assert values["servers"][0]["models"] == [{"id": "see-vl", "context_tokens": 0, "images": None}]
    assert len(values["fits"]) == len(CANDIDATES)
    for fit in values["fits"]:
        assert fit["needed_bytes"] > fit["weights_bytes"]
        assert len(fit["why"]) >= 1
    assert "secret" not in json.dumps(values) + say(findings, 6)
    assert "see-vl" in values["advice"]["command"]


def test_the_doctor_s_text_has_short_lines_and_each_model_s_reasons(tools: Path) -> None:
    write_tool(tools, "echo 'NVIDIA GeForce RTX 4090, 24564, 23000'")
    findings = inspect(Settings(), (), {})
    text = say(findings, 6)
    long = [line for line in text.splitlines() if len(line) > 100]
    assert [line for line in long if " " in line.strip()] == []  # but for a path or a name
    for title in ("Machine", "Servers", "Models here", "Packages", "Vision-language", "Advice"):
        assert re.search(rf"^{title}", text, re.MULTILINE)
    for found in CANDIDATES:
        assert f"\n    {found.model} " in text
    assert "RTX 4090, 22.5 GiB free of 24.0" in text


def test_the_doctor_is_done_in_three_seconds_although_everything_hangs(tools: Path) -> None:
    write_tool(tools, "exec /bin/sleep 20")
    with serve() as server:
        server.set(MODELS, hang(4))
        settings = Settings(base_url=server.base_url)
        started = time.monotonic()
        findings = inspect(settings, (), {})
        took = time.monotonic() - started
    assert took < 8  # three, and more where the machine is busy; the tool alone would take 20
    assert any("nvidia-smi gave no answer" in note for note in findings.notes)
    assert findings.servers[0].trouble == "gave no reply in time"
    assert findings.fits


def test_hidden_characters_of_others_reach_no_terminal(tools: Path) -> None:
    write_tool(tools, r"printf 'RTX \033[31m\342\200\256x, 24564, 23000\n'")
    with serve() as server:
        server.set(MODELS, as_models("a\x1b[2Jb"))
        text = say(inspect(Settings(base_url=server.base_url), (), {}), 6)
    assert not set("\x1b\u202e\r\t") & set(text)


def test_the_command_prints_text_and_one_json_document(
    tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 0
    assert "Advice" in capsys.readouterr().out
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["advice"]["engine"]


def test_a_home_that_can_t_be_read_or_is_a_file_is_no_end(
    tools: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_text("")
    assert main(["doctor"]) == 0
    assert "home is no folder" in capsys.readouterr().err
    home.unlink()
    home.mkdir()
    (home / "models").write_text("")
    assert main(["doctor"]) == 0


def test_broken_settings_are_told_and_the_rest_is_looked_at(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    (home / "settings.toml").write_text("= what")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr()
    assert "settings file" in shown.err and "Advice" in shown.out


def test_an_engine_that_is_set_is_what_the_doctor_names(
    tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LONGTAKE_ENGINE", "fake")
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["advice"]["engine"] == "fake"


def test_nothing_is_fetched_or_written(tools: Path, home: Path) -> None:
    inspect(Settings(), (), {})
    assert not home.exists()
    assert isinstance(inspect(Settings(), (), os.environ), Findings)
