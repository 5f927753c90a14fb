"""Each planted text that no reader takes is in a message; that of an answer or a branch makes the exit code 1."""

import pytest

from .planted_losses import PLANTED
from .reading import read


def test_twenty_losses_are_planted_in_ten_formats():
    assert len(PLANTED) >= 20
    assert len({planted.format for planted in PLANTED}) >= 10


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted.format}: {planted.place}")
def test_a_planted_loss_is_remarked(tmp_path, planted):
    conversations, problems = read(tmp_path, planted.content, planted.name)
    assert conversations
    messages = [(problem.reason, not problem.kept) for problem in problems if " in no turn" in problem.reason]
    assert messages == [(planted.message, planted.is_answer)]


def test_a_log_without_a_loss_has_no_such_message(tmp_path):
    for planted in PLANTED:
        content = planted.content.replace(b"Take the number four bus.", b"")
        if planted.name.endswith(".zip"):
            continue
        _, problems = read(tmp_path, content, planted.name)
        assert [problem.reason for problem in problems if " in no turn" in problem.reason] == [], planted.place
