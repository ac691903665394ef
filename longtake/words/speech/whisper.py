"""What is said in the sound: sentences with their times, by a Whisper model of faster-whisper.

The one door to faster-whisper and CTranslate2. Each stretch of voice is recognised once and kept;
the model is loaded when there is a stretch that was not.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longtake.errors import ModelError, SourceError, UsageError
from longtake.files import hash_file
from longtake.models.fetch import fetch_model
from longtake.models.table import SPEECH_MODELS, FolderModel, is_model_here
from longtake.models.whisper import WHISPER_FILES, fetch_whisper, find_whisper
from longtake.records import Segment
from longtake.text.untrusted import one_line
from longtake.timecode import Span
from longtake.video.sound import RATE, Block
from longtake.words.background import Finding, Recall
from longtake.words.speech.sentences import Guess, Word, drop_invented, make_sentences, place_words
from longtake.words.speech.voice import VoiceStretch, find_voice

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Segment as WhisperSegment

LOG = logging.getLogger("longtake")

AUTO = "auto"
OFF = "off"
FALLBACK = "tiny.en"
BEST = ("small", "base", "tiny")
"""Models of many languages that `auto` takes, the best first, where they are here already."""
BEST_WITH_CUDA = ("large-v3-turbo", *BEST)
VERSION = 1
"""Counts changes of this room that change the words which the same model finds."""
BEAM = 5
"""Sentences that are weighed at once. On 526 s of eSpeak NG's voices 1 and 5 gave 12.6 and 11.1 %
wrong words at 0.038 and 0.043 of the sound's length on one core, int8; float32 was no better and
took half as long again (`python -m benchmarks.speech --compare`)."""
NO_REPEAT = 5
"""Words in a row that a second try may not repeat, where the first one went round in circles."""
LANGUAGE_SECONDS = 25.0
"""So much voice is waited for before the language is settled."""
WAIT_SECONDS = 60.0
"""But no longer than over this much of the video."""


class Recognizer:
    """A Whisper model; loaded when it first listens.

    `facts` are all that changes its words; `language` is an ISO 639 code, empty until it is known.
    """

    def __init__(
        self,
        name: str,
        find_folder: Callable[[], Path],
        identity: str,
        device: str,
        threads: int,
        why: str,
    ) -> None:
        self.name = f"whisper {name}"
        self.why = why
        self.language = "en" if name.endswith(".en") else ""
        self._find_folder, self._device, self._threads = find_folder, device, threads
        self.compute = "float16" if device == "cuda" else "int8"
        self._model: WhisperModel | None = None
        self.facts: dict[str, object] = {
            "model": identity,
            "compute": self.compute,
            "beam": BEAM,
            "version": VERSION,
        }

    def hear(self, samples: np.ndarray) -> list[Guess]:
        """What is said in at most 30 s of sound, with times from its beginning."""
        guesses = self._transcribe(samples)
        if any(guess.in_circles for guess in guesses):
            guesses = self._transcribe(samples, no_repeat_ngram_size=NO_REPEAT)
        return guesses

    def detect_language(self, samples: np.ndarray) -> str:
        """The code of the language that the model knows and takes for the likeliest."""
        with _mapped_errors(self.name, self._device):
            model = self.load()
            if not model.model.is_multilingual:
                return "en"
            return str(model.detect_language(samples)[0])

    def load(self) -> "WhisperModel":
        """The model, loaded at the first call."""
        if self._model is None:
            from faster_whisper import WhisperModel

            with _mapped_errors(self.name, self._device):
                self._model = WhisperModel(
                    str(self._find_folder()),
                    device=self._device,
                    compute_type=self.compute,
                    cpu_threads=self._threads,
                    local_files_only=True,
                )
        return self._model

    def _transcribe(self, samples: np.ndarray, **more: Any) -> list[Guess]:
        with _mapped_errors(self.name, self._device):
            found, _ = self.load().transcribe(
                samples,
                language=self.language or None,
                beam_size=BEAM,
                temperature=0.0,
                condition_on_previous_text=False,
                word_timestamps=True,
                # What is no speech is thrown away by `drop_invented`.
                no_speech_threshold=None,
                log_prob_threshold=None,
                compression_ratio_threshold=None,
                **more,
            )
            return [_as_guess(segment) for segment in found]


def choose_speech_model(setting: str, cache: Path | None = None) -> str:
    """The name of the model that `--speech` stands for on this machine; nothing is fetched.

    `auto` is the best model of many languages that lies in the hub's cache (the user's own, unless
    another is named) and suits the machine, else tiny.en. UsageError for a name that nobody knows.
    """
    if setting != AUTO:
        find_speech_model(setting)
        return setting
    names = BEST_WITH_CUDA if _has_cuda() else BEST
    return next((name for name in names if find_whisper(name, cache)), FALLBACK)


def find_speech_model(name: str) -> FolderModel | Path | str:
    """What a name stands for: a model of the table, a folder with one, or one of the hub."""
    if name in SPEECH_MODELS:
        return SPEECH_MODELS[name]
    folder = Path(name).expanduser()
    if folder.is_dir():
        missing = [file for file in WHISPER_FILES if not (folder / file).is_file()]
        if not missing:
            return folder
        raise UsageError(
            f"{name} holds no speech model: {', '.join(missing)} is not there",
            "Whisper models in CTranslate2's form work; ct2-transformers-converter makes them.",
        )
    from faster_whisper import available_models

    if name in available_models():
        return name
    known = dict.fromkeys((AUTO, OFF, *SPEECH_MODELS, *available_models()))
    raise UsageError(
        f"there is no speech model {name!r}", f"Known: {', '.join(known)}; or a folder with one."
    )


def open_recognizer(name: str, device: str = AUTO, threads: int = 0) -> Recognizer:
    """The recogniser of that name, on so many processor threads.

    A model of the table is fetched when it first listens, one of the hub now, if it is missing.
    0 threads: as many as CTranslate2 takes. `auto` is the graphics card where CUDA works, else the
    processor.
    """
    model = find_speech_model(name)
    if isinstance(model, FolderModel):
        find_folder, identity = partial(_fetch, model), model.files[0].sha256
    else:
        folder = model if isinstance(model, Path) else fetch_whisper(model)
        find_folder = partial(Path, folder)
        if isinstance(model, Path):
            identity, name = hash_file(model / "model.bin"), model.resolve().name
        else:
            identity = f"{model} {folder.name}"
    known = (
        "it knows only English: for another language, --speech small or a larger one"
        if name.endswith(".en")
        else "the language is detected once"
    )

    def make(device: str, where: str) -> Recognizer:
        why = f"by faster-whisper on the {where}; {known}"
        return Recognizer(name, find_folder, identity, device, threads, why)

    if device in ("cpu", "mps") or not _has_cuda():
        if device == "cuda":
            raise ModelError("CTranslate2 finds no CUDA here", "Take --device auto.")
        return make("cpu", "processor")
    recognizer = make("cuda", "graphics card")
    try:
        recognizer.hear(np.zeros(RATE, np.float32))
    except ModelError as error:
        if device == "cuda":
            raise
        return make("cpu", f"processor, because CUDA fails ({error.message})")
    return recognizer


def _fetch(model: FolderModel) -> Path:
    if not is_model_here(model):
        LOG.info("fetching %s, %.0f MiB, %s", model.name, model.bytes / 2**20, model.licence)
    try:
        return fetch_model(model)
    except ModelError as error:
        raise ModelError(error.message, f"{error.hint} Or hear nothing: --speech off.") from error


def recognize(blocks: Iterable[Block], recognizer: Recognizer, recall: Recall) -> Finding[Segment]:
    """A time, and sentences: with them all is told that begins before that time.

    What was recognised before is recalled by its facts, the rest is kept. SourceError of `blocks`
    is raised after all that could be heard.
    """
    stretches = find_voice(blocks)
    if not recognizer.language:
        stretches = _settle_language(stretches, recognizer, recall)
    for stretch in stretches:
        found: tuple[Segment, ...] = ()
        if stretch.parts:
            facts = _name_stretches([stretch], recognizer)
            rows = recall(facts, partial(_listen, stretch, recognizer))
            found = tuple(Segment(Span(start, end), text) for start, end, text in rows)
        yield stretch.until, found


def _listen(stretch: VoiceStretch, recognizer: Recognizer) -> list[tuple[float, float, str]]:
    words = drop_invented(recognizer.hear(_join_parts([stretch])))
    sentences = make_sentences(place_words(words, stretch.parts))
    return [(sentence.span.start, sentence.span.end, sentence.text) for sentence in sentences]


def _settle_language(
    stretches: Iterator[VoiceStretch], recognizer: Recognizer, recall: Recall
) -> Iterator[VoiceStretch]:
    """The stretches, held back until there is voice enough to tell its language."""
    first: list[VoiceStretch] = []
    failure: SourceError | None = None
    try:
        for stretch in stretches:
            if not first and not stretch.parts:
                yield stretch
                continue
            first.append(stretch)
            voice, waited = sum(s.seconds for s in first), stretch.until - first[0].until
            if voice >= LANGUAGE_SECONDS or waited > WAIT_SECONDS:
                break
    except SourceError as error:
        failure = error
    if first:
        detect = partial(recognizer.detect_language, _join_parts(first))
        facts = _name_stretches(first, recognizer)
        recognizer.language = recall(facts, detect)
    yield from first
    if failure:
        raise failure
    yield from stretches


def _name_stretches(stretches: Sequence[VoiceStretch], recognizer: Recognizer) -> dict[str, object]:
    """What recognising these depends on; times are in milliseconds."""
    parts = [part for stretch in stretches for part in stretch.parts]
    times = [(round(1000 * part.start), round(1000 * part.end)) for part in parts]
    return {"facts": recognizer.facts, "language": recognizer.language, "parts": times}


def _join_parts(stretches: Sequence[VoiceStretch]) -> np.ndarray:
    return np.concatenate([part.samples for stretch in stretches for part in stretch.parts])


def _as_guess(segment: "WhisperSegment") -> Guess:
    words = tuple(
        Word(float(word.start), float(word.end), word.word, float(word.probability))
        for word in segment.words or ()
    )
    return Guess(words, segment.no_speech_prob, segment.avg_logprob, segment.compression_ratio)


def _has_cuda() -> bool:
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count())


@contextmanager
def _mapped_errors(name: str, device: str) -> Iterator[None]:
    """Turn what faster-whisper and CTranslate2 raise into ModelError."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        reason = one_line(str(error))[:300] or type(error).__name__
        hint = "Take --device cpu, " if device == "cuda" else "Take another model by --speech, "
        raise ModelError(
            f"the speech model {name} fails: {reason}", hint + "or --speech off."
        ) from error
