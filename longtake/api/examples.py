"""What is asked and answered, as examples in the documentation."""

from typing import Any

RUN_ID = "0f3a9c5b7d2e4a6c8e1b3d5f"
UPLOAD_ID = "5d41402abc4b2a76b9719d911017c592"
UPLOAD = {"upload": UPLOAD_ID, "bytes": 8_123_456}
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

ORDER: dict[str, Any] = {
    "source": "https://example.org/lecture.mp4",
    "settings": {"length": "short", "focus": "what is shown on the slides"},
}
RUN: dict[str, Any] = {
    "id": RUN_ID,
    "kind": "summarize",
    "state": "running",
    "title": "Lecture 4: rivers",
    "source": "https://example.org/lecture.mp4",
    "question": "",
    "settings": ORDER["settings"],
    "created": "2026-01-31T12:00:00Z",
    "started": "2026-01-31T12:00:01Z",
    "ended": None,
    "ahead": 0,
    "progress": {
        "part": 0.4312,
        "doing": "Describing chunk 12 of 40",
        "stage": "describe",
        "done": 11,
        "total": 40,
        "seconds_left": 61.5,
    },
    "duration": 240.0,
    "notes": [],
    "error": None,
    "notice": None,
    "files": [],
}
WAITING: dict[str, Any] = RUN | {
    "state": "waiting",
    "started": None,
    "ahead": 1,
    "progress": {
        "part": 0.0,
        "doing": "1 run before yours",
        "stage": "",
        "done": 0,
        "total": 0,
        "seconds_left": None,
    },
    "duration": None,
}
DESCRIPTION: dict[str, Any] = {
    "n": 1,
    "chunk": 1,
    "start": 0.0,
    "end": 6.0,
    "text": "A woman stands at a board and draws a river.",
}
VIDEO: dict[str, Any] = {
    "sha256": SHA256,
    "name": "Lecture 4: rivers",
    "source": "https://example.org/lecture.mp4",
    "seconds": 240.0,
    "date": "2026-01-31T12:02:00Z",
    "language": "en",
    "headline": "How a river moves its bed",
    "passages": {"seen": 40, "said": 112},
}
FOUND: dict[str, Any] = {
    "query": "a river on the board",
    "moments": [
        {
            "video": {name: VIDEO[name] for name in ("sha256", "name", "source")},
            "start": 0.0,
            "end": 6.0,
            "text": "A woman stands at a board and draws a river.",
            "found": ["seen"],
            "score": 0.71,
            "passages": [],
        }
    ],
    "remarks": [],
}
ANSWER: dict[str, Any] = {
    "run": RUN | {"kind": "ask", "state": "done", "question": "What is drawn on the board?"},
    "answer": {"sentences": [], "moments": []},
}
EVENTS = f"""retry: 2000

event: state
data: {{"id":"{RUN_ID}","kind":"summarize","state":"running","title":"Lecture 4: rivers","ahead":0,"duration":240.0,"error":null}}

event: progress
data: {{"part":0.4312,"doing":"Describing chunk 12 of 40","stage":"describe","done":11,"total":40,"seconds_left":61.5}}

event: description
id: 12
data: {{"n":12,"chunk":12,"start":66.0,"end":72.0,"text":"She points at the outer bank."}}

event: end
id: 40.end
data: {{"id":"{RUN_ID}","state":"done","error":null}}
"""  # noqa: E501 - an event's data is one line
