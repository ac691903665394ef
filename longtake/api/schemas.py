"""The shapes of what is asked and answered, as JSON Schema 2020-12: for checks and for OpenAPI.

Those of the settings are made of the settings' own table.
"""

from collections.abc import Mapping
from dataclasses import Field
from typing import Any, get_args

from longtake.library.passages import KINDS as OF_PASSAGES
from longtake.library.search import MOST_QUERY_LETTERS
from longtake.runs.folder import State
from longtake.runs.requests import KINDS, MOST_LOOK_SECONDS, OF_PROGRAMS
from longtake.settings.table import SPECS

Schema = Mapping[str, Any]

TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
MOST_NUMBER = 10**15
MOST_LETTERS = 4096
"""Of a setting, a source or a name."""
MOST_VIDEOS = 100
MOST_WAIT_SECONDS = 60


def text(about: str, most: int = MOST_LETTERS, **more: Any) -> dict[str, Any]:
    """A string."""
    return {"type": "string", "maxLength": most, "description": about, **more}


def whole(about: str, least: int = 0, most: int = MOST_NUMBER, **more: Any) -> dict[str, Any]:
    """A whole number."""
    return {"type": "integer", "minimum": least, "maximum": most, "description": about, **more}


def seconds(about: str, **more: Any) -> dict[str, Any]:
    """A time in a video, or for which to wait."""
    return {"type": "number", "minimum": 0, "maximum": MOST_NUMBER, "description": about, **more}


def one_of(names: tuple[str, ...], about: str, **more: Any) -> dict[str, Any]:
    """One of these strings."""
    return {"type": "string", "enum": list(names), "description": about, **more}


def listing(items: Schema, about: str, most: int = MOST_VIDEOS) -> dict[str, Any]:
    """A list."""
    return {"type": "array", "items": items, "maxItems": most, "description": about}


def members(properties: Schema, required: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """An object with no other members than these."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def ref(name: str) -> dict[str, str]:
    """One of COMPONENTS."""
    return {"$ref": f"#/components/schemas/{name}"}


def perhaps(schema: Schema) -> dict[str, Any]:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def _of_setting(spec: "Field[Any]") -> dict[str, Any]:
    details = spec.metadata
    schema: dict[str, Any] = {
        "type": TYPES[type(spec.default)],
        "description": details["help"],
        "default": spec.default,
    }
    if details["choices"]:
        schema["enum"] = list(details["choices"])
    elif schema["type"] == "string":
        schema["maxLength"] = details["most_letters"] or MOST_LETTERS
    if details["minimum"] is not None:
        schema["minimum"] = details["minimum"]
    if schema["type"] in ("integer", "number"):
        schema["maximum"] = details["maximum"] or MOST_NUMBER
    return schema


SETTINGS = members(
    {name: _of_setting(SPECS[name]) for name in OF_PROGRAMS},
    description="Settings of this run; what is left out is as the server's owner set it.",
)

QUESTION = text("what is asked", MOST_QUERY_LETTERS, minLength=1)
VIDEO_NAMES = listing(
    text("a name, a link, or the start of a SHA-256", minLength=1),
    "videos of the library; all, where none is named",
)

ORDER = members(
    {
        "kind": one_of(KINDS, "what is to be done", default="summarize"),
        "source": text("a link, a path below a folder that the owner allows, or a video's SHA-256"),
        "upload": text("the id of an upload, in place of a source", 32, pattern="^[0-9a-f]{32}$"),
        "title": text("what to call the video, or the run", 300),
        "settings": SETTINGS,
        "question": QUESTION | {"description": "of `ask` and `look`: what is asked"},
        "videos": VIDEO_NAMES | {"description": f"of `ask`: {VIDEO_NAMES['description']}"},
        "start": seconds("of `look`: from this second of the video on"),
        "end": seconds(f"of `look`: to this second, {MOST_LOOK_SECONDS:g} later at most"),
        "notify": text("a link that is sent a POST when the run ends", 2048),
    },
    description="What is to be done, and with which video.",
)
TAKEN = {
    "summarize": ("source", "upload", "title", "settings", "notify"),
    "compare": ("source", "upload", "title", "settings", "notify"),
    "transcribe": ("source", "upload", "title", "settings", "notify"),
    "look": ("source", "upload", "title", "settings", "notify", "question", "start", "end"),
    "ask": ("title", "settings", "notify", "question", "videos"),
}
"""Members of an order that each kind of run takes."""

QUESTION_ORDER = members(
    {
        "question": QUESTION,
        "videos": VIDEO_NAMES,
        "settings": SETTINGS,
        "wait": seconds("how long to wait for the answer", default=30)
        | {"maximum": MOST_WAIT_SECONDS},
    },
    ("question",),
    description="A question to the library.",
)

_TIME = {"type": ["string", "null"], "description": "UTC, as 2026-01-31T12:00:00Z"}
_PROGRESS = members(
    {
        "part": {"type": "number", "minimum": 0, "maximum": 1},
        "doing": {"type": "string"},
        "stage": {"type": "string"},
        "done": {"type": "integer"},
        "total": {"type": "integer"},
        "seconds_left": {"type": ["number", "null"]},
    },
    ("part", "doing", "stage", "done", "total", "seconds_left"),
)
_ERROR = perhaps(
    members({"message": {"type": "string"}, "hint": {"type": "string"}}, ("message", "hint"))
)
_RUN: dict[str, Any] = {
    "id": {"type": "string", "pattern": "^[0-9a-f]{24}$"},
    "kind": {"type": "string", "enum": [*KINDS, "reconcile"]},
    "state": {"type": "string", "enum": list(get_args(State))},
    "title": {"type": "string"},
    "source": {"type": "string", "description": "a link, or the name of a file"},
    "question": {"type": "string"},
    "settings": {"type": "object"},
    "created": _TIME,
    "started": _TIME,
    "ended": _TIME,
    "ahead": {"type": "integer", "description": "runs that come before it"},
    "progress": _PROGRESS,
    "duration": {"type": ["number", "null"], "description": "of the video, in seconds"},
    "notes": {"type": "array", "items": {"type": "string"}},
    "error": _ERROR,
    "notice": {"type": ["object", "null"], "description": "what came of telling `notify`"},
    "files": {
        "type": "array",
        "items": members(
            {
                "name": {"type": "string"},
                "label": {"type": "string"},
                "bytes": {"type": "integer"},
            },
            ("name", "label", "bytes"),
        ),
    },
}
_PLACE: dict[str, Any] = {
    "sha256": {"type": "string"},
    "name": {"type": "string"},
    "source": {"type": "string"},
}
_MOMENT: dict[str, Any] = {
    "video": members(_PLACE, tuple(_PLACE)),
    "start": {"type": "number"},
    "end": {"type": "number"},
    "text": {"type": "string"},
    "found": {"type": "array", "items": {"type": "string", "enum": list(OF_PASSAGES)}},
    "score": {"type": "number"},
    "passages": {"type": "array", "items": {"type": "object"}},
}

COMPONENTS: dict[str, Schema] = {
    "Run": members(_RUN, tuple(_RUN), description="A run: what was asked, and how far it is."),
    "Runs": members(
        {
            "runs": {"type": "array", "items": ref("Run")},
            "next": {"type": ["string", "null"], "description": "`after` of the next page"},
        },
        ("runs", "next"),
    ),
    "Order": ORDER,
    "QuestionOrder": QUESTION_ORDER,
    "Upload": members(
        {
            "upload": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "bytes": {"type": "integer", "minimum": 1},
        },
        ("upload", "bytes"),
    ),
    "Description": {
        "type": "object",
        "description": "What became of a chunk, and `n`, its number in the order in which it came.",
        "properties": {
            "n": {"type": "integer", "minimum": 1},
            "chunk": {"type": "integer"},
            "start": {"type": "number"},
            "end": {"type": "number"},
            "text": {"type": ["string", "null"]},
        },
        "required": ["n", "chunk"],
    },
    "Descriptions": members(
        {
            "descriptions": {"type": "array", "items": ref("Description")},
            "next": {"type": ["integer", "null"], "description": "`after` of the next page"},
        },
        ("descriptions", "next"),
    ),
    "Result": {
        "type": "object",
        "description": "The result of a run: what `longtake … --json` prints for its kind.",
    },
    "Video": members(
        {
            **_PLACE,
            "seconds": {"type": "number"},
            "date": {"type": "string"},
            "language": {"type": "string"},
            "headline": {"type": "string"},
            "passages": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
        (*_PLACE, "seconds", "date", "language", "headline", "passages"),
    ),
    "Videos": members(
        {
            "videos": {"type": "array", "items": ref("Video")},
            "next": {"type": ["string", "null"], "description": "`after` of the next page"},
        },
        ("videos", "next"),
    ),
    "Found": members(
        {
            "query": {"type": "string"},
            "moments": {"type": "array", "items": members(_MOMENT, tuple(_MOMENT))},
            "remarks": {"type": "array", "items": {"type": "string"}},
        },
        ("query", "moments", "remarks"),
    ),
    "LibraryAnswer": members(
        {"run": ref("Run"), "answer": ref("Result")},
        ("run", "answer"),
    ),
    "Health": members(
        {"status": {"type": "string", "const": "ok"}, "version": {"type": "string"}},
        ("status", "version"),
    ),
    "Problem": {
        "type": "object",
        "description": "What is wrong (RFC 9457), and in `hint` what to do about it.",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "hint": {"type": "string"},
            "member": {"type": "string", "description": "of a 422: the member that is wrong"},
            "state": {"type": "string", "description": "of a 409: the state of the run"},
            "run": {"type": "string", "description": "of a question that failed: its run"},
        },
        "required": ["type", "title", "status", "detail", "hint"],
    },
}
