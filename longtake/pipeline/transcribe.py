"""What is said in a video, on its own: no picture is looked at, and no engine asked."""

from dataclasses import replace

from longtake import report
from longtake.links.cache import hold
from longtake.pipeline.sources import Source, bring, choose_needs, open_folder, open_video
from longtake.records import Progress, Steps, Transcript
from longtake.settings import Settings
from longtake.store import Store
from longtake.words.background import END
from longtake.words.speech.transcript import check_settings, open_speech

LISTEN_STEP_SECONDS = 10.0
"""How often the progress of listening alone is told, in seconds of the video."""


def transcribe_video(source: Source, settings: Settings, store: Store) -> Steps[Transcript]:
    """What is said in a video, written as subtitles into its folder; of nothing, no file."""
    check_settings(settings)
    needs = replace(choose_needs(settings, 0), side=0)
    file = yield from bring(source, settings, needs)
    with hold(file.path):
        video, index = yield from open_video(file)
        with open_speech(settings, store, video, index) as speech:
            may_come = speech.may_come
            out = open_folder(video, settings, report.OF_TRANSCRIPT) if may_come else None
            while (until := speech.until) < END:
                yield Progress("listen", int(until), int(video.duration), "listening")
                speech.wait(min(until + LISTEN_STEP_SECONDS, END))
            transcript = speech.finish()
    if out and transcript.segments:
        report.write_transcript(out, transcript)
        return replace(transcript, files=out.files)
    why = transcript.remark or "nothing is said in it"
    return replace(transcript, remark=f"{why}: no transcript was written")
