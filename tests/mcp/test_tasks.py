"""Runs as tasks (SEP-2663): only for clients that declare it, in the shapes of its schema."""

import re
import time
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp import Client
from mcp.client import ClientSession
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict, Field

from longtake.mcp.tasks import IDENTIFIER
from tests.mcp.clients import OLD, QUICK, data_of, talk, text_of

STATUSES = ("working", "completed", "failed", "cancelled")


class Task(Result):
    """What a call answers in place of its result."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)
    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")


class AnyResult(Result):
    model_config = ConfigDict(extra="allow")


class Ask(Request[Any, str]):
    pass


async def send(client: Client, method: str, **params: Any) -> dict[str, Any]:
    """A request of the extension, as it came over the wire."""
    asked = Ask(method=method, params=RequestParams.model_validate(params))
    found = await client.session.send_request(asked, AnyResult)
    return found.model_dump(by_alias=True, exclude_none=True)


class Polls(ClientExtension):
    """Polls a task to its end."""

    identifier = IDENTIFIER

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def claims(self) -> Any:
        return (ResultClaim(result_type="task", model=Task, resolve=self.resolve),)

    async def resolve(self, task: Task, context: ClaimContext) -> CallToolResult:
        self.tasks.append(task)
        until = time.monotonic() + 40
        while time.monotonic() < until:
            found = await poll(context.session, task.task_id)
            if found["status"] != "working":
                assert found["status"] == "completed", found
                return CallToolResult.model_validate(found["result"])
            await anyio.sleep(0.2)
        raise AssertionError(found)


class PollParams(RequestParams):
    task_id: str = Field(alias="taskId", serialization_alias="taskId")


async def poll(session: ClientSession, task: str) -> dict[str, Any]:
    asked = Ask(method="tasks/get", params=PollParams(taskId=task))
    found = await session.send_request(asked, AnyResult)
    told = found.model_dump(by_alias=True)
    check(told)
    return told


def check(task: dict[str, Any]) -> None:
    """The fields of a Task, by its schema."""
    assert re.fullmatch("[0-9a-f]{24}", task["taskId"]) and task["status"] in STATUSES
    for name in ("createdAt", "lastUpdatedAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", task[name])
    assert task["ttlMs"] is None or type(task["ttlMs"]) is int
    assert type(task["pollIntervalMs"]) is int and isinstance(task["statusMessage"], str)
    assert ("result" in task) == (task["status"] == "completed")
    assert ("error" in task) == (task["status"] == "failed")


def test_call_becomes_a_task_that_ends_with_the_result_of_the_call(numbered: Path) -> None:
    polls = Polls()

    async def ask(client: Client) -> None:
        assert IDENTIFIER in (client.server_capabilities.extensions or {})
        asked = {"source": str(numbered), "settings": QUICK}
        found = await client.call_tool("summarize", asked)
        assert not found.is_error and data_of(found)["headline"]
        (task,) = polls.tasks
        check(task.model_dump(by_alias=True))
        known = await client.call_tool("get_run", {"run": task.task_id})
        assert text_of(known) == text_of(found)
        failed = await client.call_tool(
            "describe_moment", {"source": str(numbered), "start": 500, "end": 510}
        )
        assert failed.is_error and "the video ends at" in text_of(failed)

    talk(ask, numbered.parent, extensions=[polls])


def test_task_is_cancelled_and_input_for_it_is_passed_over(
    numbered: Path, slow: dict[str, object]
) -> None:
    async def ask(client: Client) -> None:
        asked = {"source": str(numbered), "settings": slow}
        task = await client.session.call_tool("summarize", asked, allow_claimed=True)
        assert isinstance(task, Task)
        session = client.session
        assert (await poll(session, task.task_id))["status"] == "working"
        for method in ("tasks/update", "tasks/cancel"):
            params = PollParams.model_validate(
                {"taskId": task.task_id, "inputResponses": {"x": {}}}
            )
            done = await session.send_request(Ask(method=method, params=params), AnyResult)
            told = done.model_dump(by_alias=True, exclude_none=True)
            assert set(told) <= {"resultType", "_meta"} and told["resultType"] == "complete"
        assert (await poll(session, task.task_id))["status"] == "cancelled"
        with pytest.raises(MCPError) as refused:
            await poll(session, "0" * 24)
        assert refused.value.error.code == -32602

    talk(ask, numbered.parent, extensions=[Polls()])


def test_client_that_does_not_declare_tasks_has_runs_and_is_refused_their_methods(
    numbered: Path, slow: dict[str, object]
) -> None:
    async def ask(client: Client) -> None:
        asked = {"source": str(numbered), "settings": slow}
        started = await client.call_tool("summarize", asked)
        run = started.structured_content["run"]
        with pytest.raises(MCPError) as refused:
            await poll(client.session, run)
        assert refused.value.error.code == code, refused.value
        await client.call_tool("stop_run", {"run": run})

    code = -32021
    talk(ask, numbered.parent)
    code = -32601
    talk(ask, numbered.parent, mode=OLD)
