"""The documentation as one page, made of the OpenAPI document: nothing of it comes from outside."""

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from longtake.api import examples
from longtake.api.openapi import make_document, name_route
from longtake.api.operations import Operation
from longtake.api.routes import GROUPS, OPERATIONS
from longtake.door.problem import Problem, as_response

URL = "http://127.0.0.1:8760"
"""Where a server stands as it comes."""
FIRST_STEPS = (
    ("Place a run", "A link, a path below a folder that the owner allows, or an upload; settings"
     " where yours differ.", "placeRun"),
    ("Watch it", "Each description as it comes, how far it is, and its end.", "watchRun"),
    ("Take what came of it", "As JSON, or as a report, a table, subtitles, pictures.", "getResult"),
    ("Ask", "What was gone through stays in the library, with the times that prove each answer.",
     "ask"),
)  # fmt: skip


@lru_cache(maxsize=1)
def make_page() -> tuple[str, str]:
    """The page, and the content security policy that lets in its one style sheet."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"prose": _write_prose, "breakable": _break_path}
    document = make_document()
    style = _read("docs.css")
    page = environment.from_string(_read("docs.html")).render(
        document=document,
        style=Markup(style),  # noqa: S704 - our own
        groups=[
            {"name": name, "description": about, "operations": list(_list_operations(name))}
            for name, about in GROUPS.items()
        ],
        shapes=list(document["components"]["schemas"]),
        settings=document["components"]["schemas"]["Order"]["properties"]["settings"],
        steps=[
            {"title": title, "about": about, "curl": _write_curl(_find(name))}
            for title, about, name in FIRST_STEPS
        ],
        problem=_show(json.loads(bytes(as_response(_EXAMPLE).body))),
    )
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )
    return page, policy


_EXAMPLE = Problem(
    422, "unknown setting 'lenght'", "Did you mean length?", {"member": "settings.lenght"}
)


def _list_operations(group: str) -> Iterator[dict[str, Any]]:
    """The operations of a group, each as its part of the document, and how to ask it by curl."""
    paths = make_document()["paths"]
    for operation in OPERATIONS:
        if operation.group != group:
            continue
        described = paths[name_route(operation.path)][operation.method.lower()]
        yield {
            **described,
            "method": operation.method,
            "path": name_route(operation.path),
            "right": operation.right,
            "body": operation.body or operation.reads,
            "curl": _write_curl(operation),
            "replies": [_describe(s, r) for s, r in described["responses"].items()],
            "shown": _show_first(operation),
        }


def _describe(status: str, reply: Mapping[str, Any]) -> dict[str, Any]:
    contents: Mapping[str, Any] = reply.get("content", {})
    schemas = [content.get("schema") for content in contents.values()]
    return {
        "status": status,
        "description": reply["description"],
        "media": list(contents),
        "schema": schemas[0] if schemas else None,
    }


def _show_first(operation: Operation) -> str:
    """The example of its first answer."""
    shown = [reply.example for reply in operation.replies.values() if reply.example is not None]
    return _show(shown[0]) if shown else ""


def _show(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2)


def _find(name: str) -> Operation:
    return next(operation for operation in OPERATIONS if operation.name == name)


def _write_curl(operation: Operation) -> str:
    example = json.dumps(operation.example, indent=2) if operation.example else ""
    marks = {"url": URL, "id": examples.RUN_ID, "example": example}
    return re.sub(r"\{(url|id|example)\}", lambda found: marks[found[1]], operation.curl)


def _write_prose(text: str) -> Markup:
    """A sentence, with what stands between backticks as code."""
    safe = str(escape(text[:1].upper() + text[1:]))
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", safe))  # noqa: S704 - escaped above


def _break_path(path: str) -> Markup:
    """A path that may break behind its strokes."""
    return Markup("/<wbr>").join(escape(part) for part in path.split("/"))


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
