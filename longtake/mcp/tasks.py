"""The extension io.modelcontextprotocol/tasks (SEP-2663): a run as a task that a client polls.

Only for clients that declare it with a request; a task's id is the run's. All others have get_run.
"""

import time
from collections.abc import Sequence
from typing import Any, Literal

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import Context, require_client_extension
from mcp.shared.exceptions import MCPError
from mcp_types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    RequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

from longtake.errors import LongtakeError, UsageError
from longtake.mcp.callers import check_may_run, in_thread, within
from longtake.mcp.marks import cut_message
from longtake.mcp.replies import as_result
from longtake.mcp.told import status_values, tell_run
from longtake.runs.folder import ENDED, KEPT_SECONDS, SHORT, Run, read_run, stop

IDENTIFIER = "io.modelcontextprotocol/tasks"
STARTERS = ("summarize", "ask", "describe_moment", "transcript")
"""Tools whose call may become a task."""
PATIENCE, TASK_PATIENCE = 6.0, 1.0
"""Seconds for which a call waits for its run before it answers with the handle, or the task."""
POLL_MS, SLOW_POLL_MS = 1000, 3000
STOP_SECONDS = 8.0


class TaskParams(RequestParams):
    """Which task is meant."""

    task_id: str = Field(alias="taskId")


class TaskInput(TaskParams):
    """What a client gives to a task; none here asks for anything."""

    input_responses: dict[str, Any] = Field(default={}, alias="inputResponses")


class Tasks(Extension):
    """Answers calls whose run is not done with a task, and tells of it."""

    identifier = IDENTIFIER

    def __init__(self, starters: Sequence[str] = STARTERS) -> None:
        self.starters = starters

    def methods(self) -> Sequence[MethodBinding]:
        """What a client asks of a task."""
        versions = frozenset(MODERN_PROTOCOL_VERSIONS)
        return (
            MethodBinding("tasks/get", TaskParams, _get, versions),
            MethodBinding("tasks/update", TaskInput, _update, versions),
            MethodBinding("tasks/cancel", TaskParams, _cancel, versions),
        )

    async def intercept_tool_call(
        self,
        params: CallToolRequestParams,
        ctx: ServerRequestContext[Any, Any],
        call_next: CallNext,
    ) -> HandlerResult:
        """A task in place of a handle."""
        result = await call_next(ctx)
        if not (params.name in self.starters and declares_tasks(ctx)):
            return result
        if not isinstance(result, CallToolResult) or result.is_error:
            return result
        values = result.structured_content or {}
        if values.get("state") not in ("waiting", "running"):
            return result
        run = await in_thread(lambda: read_run(values["run"]))
        return {"resultType": "task", **_task_values(run, "working")}


def declares_tasks(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Whether the client takes tasks, as it says with this request."""
    capabilities = ctx.session.client_capabilities
    declared = (capabilities.extensions if capabilities else None) or {}
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS and IDENTIFIER in declared


def choose_patience(context: Context) -> float:
    """For how long a call waits for its run."""
    return TASK_PATIENCE if declares_tasks(context.request_context) else PATIENCE


async def _get(ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
    run = await _find(ctx, params)
    if run.state not in ENDED:
        return _task_values(run, "working")
    if run.state == "stopped":
        return _task_values(run, "cancelled")
    try:
        result = as_result(await in_thread(lambda: tell_run(run)))
    except LongtakeError as error:
        said = cut_message(f"{error.message}: {error.hint}")
        failure = {"code": INTERNAL_ERROR, "message": said}
        return {**_task_values(run, "failed"), "error": failure}
    told = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return {**_task_values(run, "completed"), "result": told}


async def _update(ctx: ServerRequestContext[Any, Any], params: TaskInput) -> HandlerResult:
    """Nothing was asked for, so whatever comes is passed over."""
    await _find(ctx, params)
    return {}


async def _cancel(ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
    run = await _find(ctx, params)
    try:
        check_may_run()
    except UsageError as error:
        raise MCPError(INVALID_PARAMS, error.message) from error
    if run.state not in ENDED:
        await within(STOP_SECONDS, lambda: stop(run.id))
    return {}


async def _find(ctx: ServerRequestContext[Any, Any], params: TaskParams) -> Run:
    """The task's run; MCPError for who takes no tasks, or where there is none of that id."""
    require_client_extension(ctx, IDENTIFIER)
    named = ctx.request.headers.get("mcp-name") if ctx.request else None
    if named not in (None, params.task_id):  # what routes by the header would go elsewhere
        raise MCPError(HEADER_MISMATCH, "the header Mcp-Name names another task than the request")
    try:
        return await in_thread(lambda: read_run(params.task_id))
    except UsageError as error:
        raise MCPError(INVALID_PARAMS, f"task not found: {error.message}") from error


Status = Literal["working", "completed", "failed", "cancelled"]


def _task_values(run: Run, status: Status) -> dict[str, Any]:
    """The task as the schema of SEP-2663 has it."""
    told = status_values(run)
    changed = run.ended or _read_changed(run)
    short = run.asked.kind in SHORT
    return {
        "taskId": run.id,
        "status": status,
        "statusMessage": f"{told['doing']}, {told['part']:.0%}",
        "createdAt": _say_time(run.asked.created),
        "lastUpdatedAt": _say_time(max(changed, run.asked.created)),
        "ttlMs": round(KEPT_SECONDS * 1000) if short else None,
        "pollIntervalMs": POLL_MS if short else SLOW_POLL_MS,
    }


def _read_changed(run: Run) -> float:
    try:
        return (run.folder / "state.json").stat().st_mtime
    except OSError:
        return time.time()


def _say_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
