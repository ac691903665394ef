import base64
import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longtake.links.addresses import is_of_this_machine
from longtake.links.guard import LEAST_BYTES, Guard, open_guard
from tests.servers import Answer, Asked, ScriptedServer, babble, drip, drop, hang, serve
from tests.webs import redirect

TEXT = Answer(200, b"hello", {"Content-Type": "text/plain"})


@pytest.fixture
def web() -> Iterator[ScriptedServer]:
    with serve() as server:
        server.set("/", TEXT)
        yield server


def get(guard: Guard, url: str) -> tuple[int, bytes]:
    """Through the proxy, redirects and all."""
    proxies = urllib.request.ProxyHandler({"http": guard.url, "https": guard.url})
    try:
        with urllib.request.build_opener(proxies).open(url, timeout=10) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def talk(guard: Guard, *pieces: bytes, password: str | None = None, pause: float = 0.0) -> bytes:
    """What comes back for these bytes, up to the end of the connection."""
    parts = urlsplit(guard.url)
    assert parts.hostname and parts.port
    secret = f"guard:{parts.password if password is None else password}"
    sent = base64.b64encode(secret.encode())
    answer = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece.replace(b"SECRET", b"Proxy-Authorization: Basic " + sent))
                time.sleep(pause)
            while block := connection.recv(4096):
                answer += block
        except ConnectionError:
            pass
    return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def port_of(web: ScriptedServer) -> int:
    return int(web.url.rpartition(":")[2])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "127.0.0.2",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
        "[fe80::1]",
        "[fd00::1]",
    ],
)
def test_no_spelling_of_a_private_address_is_reached(web: ScriptedServer, host: str) -> None:
    with open_guard() as guard:
        assert status(talk(guard, _request("GET", f"http://{host}:{port_of(web)}/"))) in (403, 502)
        tunnel = f"CONNECT {host}:{port_of(web)} HTTP/1.1\r\nSECRET\r\n\r\n"
        assert status(talk(guard, tunnel.encode())) in (403, 502)
        assert len(guard.refused) + len(guard.failed) == 2
    assert web.asked == []


def _request(method: str, url: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {url} HTTP/1.1", "Host: x", "SECRET", *lines, "", ""]).encode()


def test_a_name_that_leads_here_is_refused_though_it_looks_public(web: ScriptedServer) -> None:
    def resolve(host: str, port: int, **more: Any) -> Any:
        public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))
        return [public, (*public[:4], ("127.0.0.1", port))]

    with open_guard(resolve=resolve) as guard:
        assert get(guard, f"http://videos.example:{port_of(web)}/")[0] == 403
        assert guard.refused == ["videos.example"]
    assert web.asked == []


def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(
    web: ScriptedServer,
) -> None:
    asked = []

    def resolve(host: str, port: int, **more: Any) -> Any:
        asked.append(host)
        there = "127.0.0.1" if len(asked) == 1 else "127.0.0.9"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (there, port))]

    with open_guard(True, resolve) as guard:
        assert get(guard, f"http://videos.example:{port_of(web)}/") == (200, b"hello")
    assert asked == ["videos.example"] and web.asked[0].headers["Host"].startswith("videos.example")


def test_an_address_that_turns_private_between_two_requests_is_refused(
    web: ScriptedServer,
) -> None:
    def move(asked: Asked, connection: object) -> Answer:
        guard.allow_private = False
        return redirect("/")

    web.set("/moved", move)
    with open_guard(True) as guard:
        assert get(guard, f"{web.url}/moved")[0] == 403
        assert guard.refused == ["127.0.0.1"]
    assert [asked.path for asked in web.asked] == ["/moved"]


def test_the_second_address_is_tried_where_the_first_does_not_answer(web: ScriptedServer) -> None:
    def resolve(host: str, port: int, **more: Any) -> Any:
        base = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*base, ("127.0.0.1", 1)), (*base, ("127.0.0.1", port))]

    with open_guard(True, resolve) as guard:
        assert get(guard, f"http://two.example:{port_of(web)}/") == (200, b"hello")
        assert guard.failed == []


def test_without_its_password_nothing_is_served(web: ScriptedServer) -> None:
    with open_guard(True) as guard:
        request = _request("GET", f"{web.url}/")
        assert status(talk(guard, request.replace(b"SECRET\r\n", b""))) == 407
        assert status(talk(guard, request, password="wrong")) == 407
        assert status(talk(guard, request, password="ä")) == 407
        assert status(talk(guard, request)) == 200
    assert len(web.asked) == 1
    assert not any(name.lower().startswith("proxy") for name in web.asked[0].headers)


def test_what_a_post_sends_arrives_whole(web: ScriptedServer) -> None:
    body = bytes(range(256)) * 2000
    web.set("/post", lambda asked, connection: Answer(200, str(len(asked.body)).encode()))
    with open_guard(True) as guard:
        head = _request("POST", f"{web.url}/post", f"Content-Length: {len(body)}")
        assert talk(guard, head, body).endswith(b"512000")
    assert web.asked[0].body == body


def test_a_connection_ends_with_its_answer_and_says_so(web: ScriptedServer) -> None:
    with open_guard(True) as guard:
        twice = _request("GET", f"{web.url}/")
        answer = talk(guard, twice)
        assert b"\r\nConnection: close\r\n" in answer and answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("DELETE http://{host}/ HTTP/1.1", 400),
        ("GET / HTTP/1.1", 400),
        ("GET https://{host}/ HTTP/1.1", 400),
        ("GET ftp://{host}/ HTTP/1.1", 400),
        ("GET file:///etc/passwd HTTP/1.1", 400),
        ("GET http://[{host}/ HTTP/1.1", 400),
        ("GET http://{host}:99999/ HTTP/1.1", 400),
        ("GET http://a\0b/ HTTP/1.1", 502),
        ("GET http://{long}/ HTTP/1.1", 502),
        ("CONNECT  HTTP/1.1", 400),
        ("GET", 400),
        ("\xff\xfe", 400),
        ("", 400),
    ],
)
def test_a_request_that_is_none_is_answered_and_does_no_harm(
    web: ScriptedServer, line: str, expected: int
) -> None:
    text = line.format(host=web.url[7:], long="a" * 300)
    with open_guard(True) as guard:
        sent = text.encode("latin-1") + b"\r\nSECRET\r\n\r\n"
        assert status(talk(guard, sent)) == expected
        assert get(guard, f"{web.url}/") == (200, b"hello")


def test_a_head_without_end_is_refused(web: ScriptedServer) -> None:
    with open_guard(True) as guard:
        endless = talk(guard, b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 400_000)
        assert status(endless) in (431, 0)
        assert get(guard, f"{web.url}/") == (200, b"hello")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_garbage_does_no_harm(web: ScriptedServer, garbage: bytes) -> None:
    with open_guard(True) as guard:
        talk(guard, garbage + b"\r\n\r\n")
        assert get(guard, f"{web.url}/")[0] == 200


@pytest.mark.parametrize("act", [drop, babble])
def test_a_server_that_talks_no_http_is_passed_on_as_it_is(web: ScriptedServer, act: Any) -> None:
    web.set("/bad", act)
    with open_guard(True) as guard, pytest.raises((http.client.HTTPException, OSError)):
        get(guard, f"{web.url}/bad")


def test_a_host_that_does_not_answer_and_a_name_that_is_not_known_are_told(
    web: ScriptedServer,
) -> None:
    def resolve(host: str, port: int, **more: Any) -> Any:
        if host == "no.example":
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]

    with open_guard(True, resolve) as guard:
        assert get(guard, "http://no.example/")[0] == 502
        assert get(guard, "http://dead.example/")[0] == 502
        assert guard.failed[0].startswith("name no.example: ")
        assert "dead.example: [Errno 111]" in guard.failed[1]


def test_all_connections_end_with_the_guard(web: ScriptedServer) -> None:
    web.set("/slow", hang(3))
    seen: list[bytes] = []
    with open_guard(True) as guard:
        waits = threading.Thread(
            target=lambda: seen.append(talk(guard, _request("GET", f"{web.url}/slow")))
        )
        waits.start()
        idle = socket.create_connection(("127.0.0.1", urlsplit(guard.url).port or 0))
        while not web.asked:
            time.sleep(0.01)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    waits.join(2)
    assert seen == [b""] or status(seen[0]) == 0
    with idle:
        idle.settimeout(2)
        assert idle.recv(10) == b""
    with pytest.raises(OSError, match="refused"):
        talk(guard, b"GET / HTTP/1.1\r\n\r\n")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"
DRIPS = {
    "its body": drip(HEAD, b"x", 0.05, 20),
    "its head": drip(b"HTTP/1.1 200 OK\r\n", b"x", 0.05, 20),
    "with long pauses": drip(HEAD, b"x" * 900, 0.45, 20),
}


@pytest.mark.parametrize("way", DRIPS)
def test_a_host_that_drips_is_given_up_and_asked_no_more_after_the_second_time(
    web: ScriptedServer, way: str
) -> None:
    web.set("/slow", DRIPS[way])
    with open_guard(True, slow_seconds=0.6) as guard:
        for times in (1, 2):
            began = time.monotonic()
            talk(guard, _request("GET", f"{web.url}/slow"))
            assert time.monotonic() - began < 5 and guard.slow == ["127.0.0.1"] * times
        assert b"sends too slowly" in talk(guard, _request("GET", f"{web.url}/"))
    assert [asked.path for asked in web.asked] == ["/slow"] * 2


def test_a_site_that_sends_more_than_there_is_room_for_is_cut_off(web: ScriptedServer) -> None:
    web.set("/flood", Answer(200, b"x" * 3_000_000))
    with open_guard(True) as guard:
        guard.room = 1_000_000
        answer = talk(guard, _request("GET", f"{web.url}/flood"))
        assert len(answer) < 1_500_000 and guard.flooded == ["127.0.0.1"]
        guard.room = 5_000_000
        assert len(talk(guard, _request("GET", f"{web.url}/flood"))) > 3_000_000


def test_a_public_address_that_is_this_machine_s_own_is_refused() -> None:
    def resolve(host: str, port: int, **_more: Any) -> Any:
        return [(socket.AF_INET, 0, 0, "", ("93.184.216.34", port))]

    with open_guard(resolve=resolve) as guard:
        guard.is_ours = lambda address: address == "93.184.216.34"
        answer = talk(guard, _request("GET", "http://films.example/"))
        assert status(answer) == 403 and guard.refused == ["films.example"]


def test_addresses_of_this_machine_are_known_by_its_network_cards() -> None:
    assert is_of_this_machine("127.0.0.1")
    assert not is_of_this_machine("93.184.216.34") and not is_of_this_machine("192.0.2.1")
    assert not is_of_this_machine("2606:2800:220:1::1") and not is_of_this_machine("nonsense")


def test_a_tunnel_that_drips_is_given_up_too(web: ScriptedServer) -> None:
    web.set("/slow", DRIPS["its body"])
    with open_guard(True, slow_seconds=0.6) as guard:
        opening = f"CONNECT {web.url[7:]} HTTP/1.1\r\nSECRET\r\n\r\n".encode()
        talk(guard, opening, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert guard.slow == ["127.0.0.1"]


def test_a_slow_network_a_silent_server_and_a_client_that_waits_are_no_dripping(
    web: ScriptedServer,
) -> None:
    size = 8 * LEAST_BYTES
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size

    def give(asked: Asked, connection: socket.socket) -> None:
        """As fast as is asked for; with a silence first, and one in the middle."""
        time.sleep(0.8)
        connection.sendall(head)
        for part in range(8):
            time.sleep(0.8 if part == 4 else 0.2)
            connection.sendall(bytes(LEAST_BYTES))

    web.set("/steady", give)
    with open_guard(True, slow_seconds=0.6) as guard:
        answer = talk(guard, _request("GET", f"{web.url}/steady"))
        assert len(answer.partition(b"\r\n\r\n")[2]) == size
        opening = f"CONNECT {web.url[7:]} HTTP/1.1\r\nSECRET\r\n\r\n".encode()
        request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        pieces = [opening, *[request] * 4]
        assert talk(guard, *pieces, request[:-2] + b"Connection: close\r\n\r\n", pause=0.3)
        assert guard.slow == []
    assert len(web.asked) == 6


def test_a_tunnel_carries_bytes_as_they_are(web: ScriptedServer) -> None:
    with open_guard(True) as guard:
        opening = f"CONNECT {web.url[7:]} HTTP/1.1\r\nSECRET\r\n\r\n".encode()
        request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = talk(guard, opening, request)
    opened, _, inside = answer.partition(b"\r\n\r\n")
    assert status(opened) == status(inside) == 200 and inside.endswith(b"hello")
    assert b"Connection: close" not in inside
