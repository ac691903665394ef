"""Who asks, known to all that is done for one request."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import anyio
from anyio.to_thread import run_sync
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

from longtake.door.access import OWN, Access, Caller, read_caller
from longtake.errors import UsageError

T = TypeVar("T")

_caller: ContextVar[Caller] = ContextVar("longtake_caller")


def make_middleware(access: Access) -> ServerMiddleware[Any]:
    """What notes who asks, before each request: by HTTP the gate knows, else it is the owner."""

    async def know_caller(
        ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        request = ctx.request
        caller = read_caller(request.scope) if request else access.find_caller("")
        if caller:
            _caller.set(caller)
        return await call_next(ctx)

    return know_caller


def name_visitor() -> str:
    """Whose runs are started."""
    return _caller.get().name


def choose_visitor() -> str | None:
    """Whose runs are listed; all (None) for the machine's own user."""
    name = name_visitor()
    return None if name == OWN else name


def check_may_run() -> None:
    """UsageError for who may only read."""
    if not _caller.get().may_run:
        raise UsageError(
            "this token may read, and start or stop nothing", "Use a token with the right `run`."
        )


async def in_thread(work: Callable[[], T]) -> T:
    """What the work gives; a call that is cut off does not wait for it."""
    return await run_sync(work, abandon_on_cancel=True)


async def within(seconds: float, work: Callable[[], T]) -> T | None:
    """What the work gives; None where it takes longer, and then it goes on unseen."""
    with anyio.move_on_after(seconds):
        return await in_thread(work)
    return None
