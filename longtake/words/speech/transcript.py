"""What is said in a video: in subtitles where there are some, else recognised in the background."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from longtake.errors import SourceError, UsageError
from longtake.machine import count_cores
from longtake.records import Segment, Transcript, Video
from longtake.settings import Settings
from longtake.store import Store
from longtake.video.probe import Index
from longtake.video.sound import Block, has_sound, read_sound
from longtake.words.background import END, BackgroundFinder, Finding, StoreNotes, closing_finder
from longtake.words.speech.subtitles import find_subtitles, read_subtitles
from longtake.words.speech.whisper import choose_speech_model, open_recognizer, recognize

LOG = logging.getLogger("longtake")


def check_settings(settings: Settings) -> None:
    """UsageError or SourceError for what `--speech` or `--subtitles` can't name."""
    if not (settings.speech and settings.subtitles):
        raise UsageError("--speech and --subtitles must not be empty", "Leave them out: auto.")
    if settings.speech not in ("auto", "off"):
        choose_speech_model(settings.speech)
    if settings.subtitles not in ("auto", "off"):
        read_subtitles(Path(settings.subtitles).expanduser())


class Speech:
    """What is said in a video, as far as it is known."""

    def __init__(self, settings: Settings, store: Store, video: Video, index: Index) -> None:
        self._notes = StoreNotes(store, video, "listen")
        self.finder: BackgroundFinder[Segment] | None = None
        self.segments: list[Segment] = []
        """Those that are known by now, in the order in which they begin."""
        found = _find_transcript(settings, video, index)
        index.check_file()
        self._remark = found.remark if found else ""
        """Why subtitles that are there tell nothing of what is said."""
        self._transcript = found if found and found.segments else None
        if found:
            said = found.source if found.segments else ""
            LOG.info("speech: %s", "; ".join(filter(None, (said, found.remark))))
        if self._transcript:
            self.segments += self._transcript.segments
        elif settings.speech == "off":
            self._transcript = self._say_nothing("nobody listened (--speech off)")
        elif not has_sound(video.path):
            self._transcript = self._say_nothing("the file has no sound")
        else:
            self._listen(settings, video, index)

    def _say_nothing(self, why: str) -> Transcript:
        """No words, and why."""
        return Transcript("", remark="; ".join(filter(None, (self._remark, why))))

    def _listen(self, settings: Settings, video: Video, index: Index) -> None:
        threads = max(1, count_cores() // 2)
        name = choose_speech_model(settings.speech)
        recognizer = open_recognizer(name, settings.device, threads)
        LOG.info("speech: %s %s", recognizer.name, recognizer.why)
        notes, self._facts = self._notes, dict(recognizer.facts)

        def find() -> Finding[Segment]:
            broken = None
            try:
                sound = read_sound(video.path, index.start, index.pieces)
                yield from recognize(_check_each(sound, index), recognizer, notes.recall)
            except SourceError as error:
                broken = error
            if recognizer.language:
                notes.put({"language": self._facts}, recognizer.language)
            if broken:
                raise broken

        finding = notes.find_once({"whole": self._facts}, Segment, find)
        self.finder = BackgroundFinder(finding, recognizer.name, notes)

    @property
    def heard_by(self) -> str:
        """The model that recognises it; empty where nobody has to."""
        return self.finder.name if self.finder else ""

    @property
    def may_come(self) -> bool:
        """Whether anything is said in the video, as far as is known."""
        return bool(self.finder or self.segments)

    @property
    def until(self) -> float:
        """The time up to which all that is said is known."""
        return self.finder.until if self.finder else END

    def wait(self, until: float) -> None:
        """Wait until all that begins before that time is among the segments."""
        for _, segments in self.finder.take(until) if self.finder else ():
            self.segments += segments

    def finish(self) -> Transcript:
        """All that is said, once it is known."""
        self.wait(END)
        if not self._transcript:
            assert self.finder
            language = self._notes.get({"language": self._facts}) or ""
            source = f"recognised by {self.finder.name}"
            found = tuple(self.segments)
            remark = "; ".join(filter(None, (self._remark, self.finder.broken)))
            self._transcript = Transcript(source, found, language, remark)
        return self._transcript


def _check_each(sound: Iterator[Block], index: Index) -> Iterator[Block]:
    """The blocks, as long as they are those of the file that the run began with."""
    try:
        for block in sound:
            index.check_file()
            yield block
    finally:
        index.check_file()  # a file that was cut off meanwhile has no end that could be kept


@contextmanager
def open_speech(settings: Settings, store: Store, video: Video, index: Index) -> Iterator[Speech]:
    """What is said in a video, listened for from now on until the end."""
    speech = Speech(settings, store, video, index)
    with closing_finder(speech.finder):
        yield speech


def _find_transcript(settings: Settings, video: Video, index: Index) -> Transcript | None:
    """What the site published with a link's video comes before what is in the file."""
    if video.captions and settings.subtitles == "auto":
        try:
            found = find_subtitles(video.path, index.start, str(video.captions), video.duration)
        except SourceError as error:
            LOG.info("%s are not used: %s", video.captions_source, error.message)
        else:
            if found and found.segments:
                return replace(found, source=video.captions_source)
    return find_subtitles(video.path, index.start, settings.subtitles, video.duration)
