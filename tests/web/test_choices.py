"""What a visitor chooses, and the run that it becomes."""

from pathlib import Path

import pytest

from longtake.errors import LongtakeError, UsageError
from longtake.runs import read_run
from longtake.settings import Settings
from longtake.web import choices, uploads


def test_a_file_can_be_named_only_where_the_page_is_its_users_own(numbered: Path) -> None:
    found = choices.look_at(f' "{numbered}" ', Settings(), own_machine=True)
    assert found.title == numbered.name and found.duration == 20.0
    with pytest.raises(LongtakeError, match="is not a link") as caught:
        choices.look_at(str(numbered), Settings(), own_machine=False)
    assert str(numbered.parent) not in caught.value.message


def test_a_dropped_file_keeps_its_visitors_name_for_it_as_a_title_alone(numbered: Path) -> None:
    path = uploads.new_path()
    path.write_bytes(numbered.read_bytes())
    found = choices.look_at_upload(path.name, "..\\..\\<b>my film</b>.mp4")
    assert found.title == "<b>my film<" or found.title.endswith(".mp4")
    assert found.upload == path.name and found.duration == 20.0


@pytest.mark.parametrize("token", ["", "..", "../runs", "0" * 31, "0" * 32, "/etc/passwd"])
def test_an_upload_that_is_not_there_is_told(token: str) -> None:
    with pytest.raises(UsageError, match="no longer here"):
        uploads.find(token)


def test_both_flows_make_a_comparison_and_one_flow_a_summary(numbered: Path) -> None:
    choice = choices.Choice(str(numbered), "numbers")
    wishes = {"engine": "fake", "length": "short", "speech": "off", "read_text": "off"}
    one = read_run(choices.start(choice, {"flow": "context", **wishes}, "me")).asked
    both = read_run(choices.start(choice, {"flow": "both", **wishes}, "me")).asked
    assert (one.kind, one.settings["flow"]) == ("summarize", "context")
    assert both.kind == "compare" and "flow" not in both.settings
