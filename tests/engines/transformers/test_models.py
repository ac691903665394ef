"""What the engine is opened with: folders that are whole or not, devices, memory."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from longtake.engines import open_engine
from longtake.errors import (
    EngineRefused,
    ModelError,
    RequestTooLarge,
    UsageError,
)
from longtake.inference.engine import Request
from longtake.settings import Settings
from tests.engines.transformers.asked import ask_at_once, ask_of, open_model

pytestmark = pytest.mark.transformers


def break_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def lose(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lose("config.json"), "holds no model"),
        (lose("model.safetensors"), "holds no weights"),
        (break_weights, "cut short"),
        (write("model.safetensors", ""), "can't be read"),
        (write("model.safetensors", "x" * 99), "can't be read"),
        (write("config.json", "{"), "is no model that transformers"),
        (write("config.json", "[]"), "is no model that transformers"),
        (write("config.json", '{"model_type": "none-such"}'), "none-such"),
        (write("config.json", '{"model_type": "clip"}'), "doesn't answer in words"),
        (write("tokenizer.json", "{}"), "can't make what reads"),
        (write("processor_config.json", "{"), "can't make what reads"),
        (lose("chat_template.jinja"), "has no chat template"),
    ],
)
def test_folder_that_is_no_whole_model_shows_when_it_is_opened(
    models: dict[str, Path], tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    folder = shutil.copytree(models["smolvlm"], tmp_path / "broken")
    change(folder)
    with pytest.raises((ModelError, UsageError)) as caught:
        open_model(folder)
    assert said in caught.value.message and "broken" in caught.value.message
    assert caught.value.hint and str(tmp_path) not in caught.value.message


def test_shard_that_is_missing_shows_when_it_is_opened(
    models: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(models["smolvlm"], tmp_path / "sharded")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    with pytest.raises(ModelError, match=r"00002-of-00002\.safetensors.*missing"):
        open_model(folder)


def test_weights_that_lack_a_part_are_refused_and_not_made_up(
    models: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(models["smolvlm"], tmp_path / "lacking")
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "mlp" in name)
    del weights[lost]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with open_model(folder) as engine:
        for _ in range(2):
            with pytest.raises(EngineRefused, match="lack") as caught:
                engine.answer(ask_of((0,)))
            assert not caught.value.retry


@pytest.mark.parametrize("name", ["", "/no/such/folder", "./missing", "a/b/c", "two words", "x"])
def test_what_is_neither_folder_nor_name_is_bad_usage_with_examples(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_engine(f"transformers:{name}", Settings())
    assert "SmolVLM2-500M-Video-Instruct" in caught.value.hint and name in caught.value.message


def test_text_model_reconciles_and_takes_no_frames(models: dict[str, Path]) -> None:
    with open_model(models["llama"], at_once=2) as engine:
        assert engine.capabilities.images == 0 and engine.frame_tokens(640, 360) == 0
        assert engine.capabilities.small
        with pytest.raises(UsageError, match="takes no images"):
            engine.check_sight()
        with pytest.raises(RequestTooLarge, match="takes no images"):
            engine.answer(ask_of((0,)))
        requests = [Request("Be brief.", (words, "end"), 8) for words in ("one two", "three")]
        replies = ask_at_once(engine, requests)
        assert [reply.text for reply in replies] == [engine.answer(r).text for r in requests]


def test_processor_that_wants_torchvision_says_so(tmp_path: Path) -> None:
    from tests.tiny_transformers import build_model

    with pytest.raises(UsageError, match="needs the package 'torchvision'") as caught:
        open_model(build_model("qwen2_5_vl", tmp_path / "stock", stock=True))
    assert "pip install" in caught.value.hint


def test_device_or_bits_that_are_not_to_be_had_are_bad_usage(models: dict[str, Path]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    for settings, said in (
        ({"device": "cuda"}, "--device cuda"),
        ({"quantize": "4bit"}, "--quantize 4bit needs CUDA"),
        ({"quantize": "8bit", "device": "cpu"}, "--quantize 8bit needs CUDA"),
    ):
        with pytest.raises(UsageError, match=said) as caught:
            open_model(models["smolvlm"], **settings)
        assert caught.value.hint


def test_models_of_other_content_have_other_keys(models: dict[str, Path], tmp_path: Path) -> None:
    from tests.tiny_transformers import build_model

    folders = [
        models["smolvlm"],
        shutil.copytree(models["smolvlm"], tmp_path / "a" / "tiny-smolvlm"),
        build_model("smolvlm", tmp_path / "b" / "tiny-smolvlm", seed=1),
        shutil.copytree(models["smolvlm"], tmp_path / "c" / "tiny-smolvlm"),
    ]
    (folders[3] / "chat_template.jinja").write_text(
        (folders[3] / "chat_template.jinja").read_text() + " "
    )
    engines = [open_model(folder) for folder in folders]
    assert {engine.name for engine in engines} == {"transformers:tiny-smolvlm"}
    keys = [engine.options["weights"] for engine in engines]
    assert keys[0] == keys[1] and len(set(keys)) == 3


def test_width_is_what_the_memory_holds_beside_the_weights(models: dict[str, Path]) -> None:
    import transformers

    from longtake.engines.transformers.chat import open_chat
    from longtake.engines.transformers.hub import find_folder
    from longtake.engines.transformers.model import Placement, fitting_width, read_shape

    folder = find_folder(str(models["smolvlm"]))
    config = transformers.AutoConfig.from_pretrained(folder.path)
    chat, shape = open_chat(folder, True), read_shape(config)

    def width(device: str, free: int, quantize: str = "none") -> int:
        placement = Placement(device, "bfloat16", quantize, free)
        return fitting_width(folder, placement, config, shape, chat)

    assert [width("cuda", free) for free in (0, 1 << 20, 1 << 40)] == [1, 1, 8]
    widths = [width("cuda", free << 20) for free in range(0, 64, 4)]
    assert widths == sorted(widths) and len(set(widths)) > 3
    assert [width("cpu", free) for free in (0, 1 << 20, 1 << 40)] == [1, 1, 2]
    with open_model(models["smolvlm"], at_once=5) as engine:
        assert engine.capabilities.width == 5
