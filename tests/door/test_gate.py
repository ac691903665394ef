"""The gate: foreign hosts, pages of other sites and wrong tokens are turned away, and told so."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from longtake.door.access import Access, open_access, read_caller
from longtake.door.gate import MOST_AT_ONCE, Gate

TOKEN = "correct-horse-battery"
SITE = "https://app.example"


def tell(request: Request) -> JSONResponse:
    caller = read_caller(request.scope)
    return JSONResponse({"caller": caller.name if caller else None})


def open_client(access: Access, base: str = "http://127.0.0.1:8760") -> TestClient:
    app = Starlette(routes=[Route("/v1/who", tell), Route("/v1/health", tell)])
    return TestClient(Gate(app, access, frozenset({"/v1/health"})), base_url=base)


@pytest.fixture
def guarded(tmp_path: Path) -> Access:
    file = tmp_path / "tokens"
    file.write_text(f"run {TOKEN} laptop\n")
    file.chmod(0o600)
    return open_access("0.0.0.0", token_file=str(file), hosts=["*.lan"], origins=[SITE])


def bear(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_this_machine_s_own_user_needs_no_token() -> None:
    assert open_client(Access()).get("/v1/who").json() == {"caller": "own"}


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0:8760", "", "[", "evil@127.0.0.2x"]
)
def test_host_that_was_rebound_is_turned_away(host: str) -> None:
    answer = open_client(Access()).get("/v1/who", headers={"host": host})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["hint"].startswith("Ask by the address")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_proxy_is_not_taken_for_this_machine_s_own_user(header: str, guarded: Access) -> None:
    through = {header: "for=192.0.2.7"}
    assert open_client(Access()).get("/v1/who", headers=through).status_code == 403
    assert open_client(guarded).get("/v1/who", headers=through | bear(TOKEN)).status_code == 200


def test_picture_or_frame_in_a_page_of_another_site_is_not_answered_but_a_link_is() -> None:
    client = open_client(Access())
    for site in ("cross-site", "same-site"):
        for wanted_as in ("image", "script", "iframe", "empty"):
            asked = {"sec-fetch-site": site, "sec-fetch-dest": wanted_as}
            assert client.get("/v1/who", headers=asked).status_code == 403
        followed = {"sec-fetch-site": site, "sec-fetch-dest": "document"}
        assert client.get("/v1/who", headers=followed).status_code == 200
    own = {"sec-fetch-site": "same-origin", "sec-fetch-dest": "empty"}
    assert client.get("/v1/who", headers=own).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:3000", "http://[", "http://[x]"]
)
def test_page_of_another_site_or_port_is_turned_away(origin: str, guarded: Access) -> None:
    for access in (Access(), guarded):
        answer = open_client(access).get("/v1/who", headers={"origin": origin} | bear(TOKEN))
        assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers


def test_page_of_a_named_site_may_ask_and_read(guarded: Access) -> None:
    client = open_client(guarded)
    asked = {"origin": SITE, "access-control-request-method": "POST"}
    before = client.options("/v1/who", headers=asked)
    assert before.status_code == 204 and before.headers["access-control-allow-origin"] == SITE
    assert "authorization" in before.headers["access-control-allow-headers"]
    answer = client.get("/v1/who", headers={"origin": SITE} | bear(TOKEN))
    assert answer.json() == {"caller": "laptop"} and "Origin" in answer.headers["vary"]
    assert answer.headers["access-control-allow-origin"] == SITE
    refused = client.get("/v1/who", headers={"origin": SITE})
    assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == SITE


@pytest.mark.parametrize(
    "headers",
    [{}, bear(""), bear("wrong-horse-battery"), {"Authorization": f"Basic {TOKEN}"},
     {"Authorization": TOKEN}, {"Cookie": f"token={TOKEN}"}],
)  # fmt: skip
def test_without_its_token_nobody_comes_in(guarded: Access, headers: dict[str, str]) -> None:
    client = open_client(guarded)
    answer = client.get("/v1/who", headers=headers)
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert "Bearer TOKEN" in answer.json()["hint"] and TOKEN not in answer.text
    assert client.get(f"/v1/who?token={TOKEN}").status_code == 401
    assert client.get("/v1/health", headers=headers).json() == {"caller": None}


def test_named_host_is_served(guarded: Access) -> None:
    client = open_client(guarded, "http://films.lan")
    assert client.get("/v1/who", headers=bear(TOKEN)).status_code == 200
    assert client.get("/v1/who", headers=bear(TOKEN) | {"host": "lan.evil"}).status_code == 403


def test_more_than_may_come_at_once_are_told_to_come_later() -> None:
    """Each that is turned away frees nothing, and each that is done does."""

    async def hold() -> list[int]:
        leave = asyncio.Event()

        async def wait(scope: Any, receive: Any, send: Any) -> None:
            await leave.wait()
            await JSONResponse({})(scope, receive, send)

        gate = Gate(wait, Access(), frozenset())
        statuses: list[int] = []

        async def ask() -> None:
            async def send(message: Any) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])

            headers = [(b"host", b"127.0.0.1")]
            scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
            await gate(scope, lambda: asyncio.sleep(0), send)  # type: ignore[arg-type]

        held = [asyncio.create_task(ask()) for _ in range(MOST_AT_ONCE)]
        await asyncio.sleep(0)
        await asyncio.gather(*(ask() for _ in range(5)))
        leave.set()
        await asyncio.gather(*held)
        await ask()
        return statuses

    statuses = asyncio.run(hold())
    assert statuses == [503] * 5 + [200] * (MOST_AT_ONCE + 1)
