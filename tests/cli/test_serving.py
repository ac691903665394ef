"""Commands that serve: what can't be is told at once, before anything listens."""

from pathlib import Path

import pytest

from longtake.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["serve", "--address", "0.0.0.0"], "could come in at 0.0.0.0 without a token"),
     (["serve", "--allow-host", "films.lan"], "could come in at films.lan without a token"),
     (["serve", "--root", "none-such"], "there is no folder 'none-such'"),
     (["serve", "--token-file", "none-such"], "can't be read"),
     (["serve", "--allow-origin", "app.example"], "'app.example' is no origin"),
     (["serve", "--frames", "-1"], "--frames"),
     (["app", "--api", "--page-key", "off", "--address", "0.0.0.0"], "without a token"),
     (["app", "--root", "."], "only of programs"),
     (["mcp", "--http", "--address", "0.0.0.0"], "without a token"),
     (["mcp", "--token-file", "x"], "only of --http"),
     (["mcp", "--root", "none-such"], "there is no folder")],
)  # fmt: skip
def test_what_can_t_be_served_is_told_with_what_to_do(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert said in told and "hint: " in told


@pytest.mark.parametrize("command", [["serve"], ["mcp", "--http"]])
def test_port_that_is_taken_is_told(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main([*command, "--port", str(taken.getsockname()[1])]) == 2
    assert "nothing can be served" in capsys.readouterr().err
