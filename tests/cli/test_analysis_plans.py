"""`convexplain analyze --dry-run`, without a key and without a server."""

import json

import pytest
from click.testing import CliRunner

from convexplain.cli.main import cli


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Plans the analysis of a log of one conversation; returns the exit code and what it shows."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    talk = {"id": "a", "messages": [{"role": "assistant", "content": "Answer."}]}
    (tmp_path / "log.jsonl").write_text(json.dumps(talk))

    def run(*args):
        common = ["--rubric", "harm", "--rubric", "helpfulness", "--dry-run", "--db", str(tmp_path / "s.db")]
        result = CliRunner().invoke(
            cli, ["analyze", str(tmp_path / "log.jsonl"), *args, *common], standalone_mode=False
        )
        assert result.exception is None, result.exception
        return result.return_value, result.output

    return run


@pytest.mark.enable_socket
@pytest.mark.parametrize("judge", ["openai:gpt-4.1-mini", "http://127.0.0.1:9/v1?model=m"])
def test_a_plan_needs_neither_a_key_nor_a_server(plan, judge):
    code, out = plan("--judge", judge)
    assert code == 0
    assert "1 conversations, 1 assistant turns, 2 maxims: 2 judgements." in out
    assert f"2 calls to {judge} with about " in out
    assert "replies in the cache could not be counted, since the judge cannot be reached (" in out
    assert "If the judge gives no log-probabilities it takes 5 calls for each score: at most 10 calls." in out


def test_samples_that_are_asked_for_are_all_calls(plan):
    _, out = plan("--judge", "openai:gpt-4.1-mini", "--samples", "3")
    assert "6 calls to " in out
    assert "log-probabilities" not in out


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), "Plus at most 24 evaluations for explanations of the worst turn (--explain 0 for none)."),  # 1 turn
        (("--explain", "0"), ""),
    ],
)
def test_explanations_are_counted(plan, options, line):
    _, out = plan("--judge", "openai:gpt-4.1-mini", *options)
    assert (line in out) if line else ("evaluations" not in out)


def test_a_plan_of_an_unreadable_log_says_so(plan, tmp_path):
    (tmp_path / "log.jsonl").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    code, out = plan()
    assert code == 1
    assert f"Exit code 1: nothing was asked; no conversation could be read: {tmp_path}/log.jsonl: is no text" in out
    assert "0 judgements" not in out
