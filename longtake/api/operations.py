"""One operation: a method and a path, what it takes, what it answers, and who does it.

The table of these (`routes.py`) is what requests are routed and checked by, and documented.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from longtake.api.schemas import COMPONENTS, Schema, members
from longtake.api.serving import Serving
from longtake.api.validate import open_validator
from longtake.door.access import Right


@dataclass(frozen=True)
class Call:
    """A request that was checked: its query and its body are as the operation wants them."""

    request: Request
    serving: Serving
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def visitor(self) -> str:
        """Whose runs those are that are placed: the caller's."""
        caller = self.request.scope["longtake.caller"]
        return str(caller.name)

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])


Respond = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True)
class Returns:
    """One answer, as it is documented: what it is, its schema or its media types, an example."""

    about: str
    schema: Schema | None = None
    example: Any = None
    media: tuple[str, ...] = ("application/json",)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """`reads` is what its body is; `problems` are statuses beside those that all share."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    respond: Respond
    name: str
    about: str
    group: str
    replies: Mapping[int, Returns]
    right: Right | Literal["none"] = "read"
    query: Mapping[str, Schema] = field(default_factory=dict)
    header: Mapping[str, Schema] = field(default_factory=dict)
    body: str = ""
    reads: Literal["", "json", "file"] = ""
    example: Any = None
    problems: Mapping[int, str] = field(default_factory=dict)
    curl: str = ""

    @cached_property
    def query_check(self) -> Any:
        """Of the query's parameters."""
        required = tuple(name for name, schema in self.query.items() if schema.get("x-required"))
        return open_validator(members(self.query, required))

    @cached_property
    def body_check(self) -> Any:
        """Of the body."""
        return open_validator(COMPONENTS[self.body])
