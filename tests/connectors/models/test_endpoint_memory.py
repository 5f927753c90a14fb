"""What endpoints take is remembered in one file, which may be broken, foreign or not writable."""

import json

import pytest

from convexplain.connectors.models import endpoint_memory
from convexplain.connectors.models.endpoint_memory import forget, remember, remembered, remembered_at
from convexplain.connectors.models.endpoint_rules import EndpointRules

BASE = "http://127.0.0.1:9/v1"
RULES = EndpointRules("max_completion_tokens", temperature=False, switch="think=false", thinks=True, alternatives=5)


def test_rules_are_kept_for_each_endpoint_model_and_effort():
    remember(BASE, "m", RULES)
    remember(BASE, "m", EndpointRules(), "high")
    assert remembered(BASE, "m") == RULES
    assert remembered(BASE, "m", "high") == EndpointRules()
    assert remembered(BASE, "other") is None
    assert remembered(f"{BASE}2", "m") is None
    assert remembered_at(BASE) == {"m": RULES, "m&reasoning_effort=high": EndpointRules()}


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ((BASE,), {f"{BASE}2?model=m"}),
        ((BASE, "m"), {f"{BASE}?model=mm", f"{BASE}?model=m&reasoning_effort=low", f"{BASE}2?model=m"}),
        ((BASE, "m", "low"), {f"{BASE}?model=m", f"{BASE}?model=mm", f"{BASE}2?model=m"}),
    ],
)
def test_what_is_forgotten(arguments, left):
    remember(BASE, "m", RULES)
    remember(BASE, "mm", RULES)
    remember(BASE, "m", RULES, "low")
    remember(f"{BASE}2", "m", RULES)
    forget(*arguments)
    assert set(json.loads(endpoint_memory.memory_file().read_text())) == left


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        json.dumps({f"{BASE}?model=m": 5}),
        json.dumps({f"{BASE}?model=m": {"limit": "max_tokens"}}),
    ],
)
def test_a_file_that_cannot_be_read_is_an_empty_memory(content):
    endpoint_memory.memory_file().write_text(content)
    assert remembered(BASE, "m") is None
    remember(BASE, "m", RULES)
    assert remembered(BASE, "m") == RULES


def test_rules_of_another_form_are_not_taken():
    remember(BASE, "m", RULES)
    content = json.loads(endpoint_memory.memory_file().read_text())
    for name, value in (("top_logprobs", "20"), ("temperature", 1), ("alternatives", True), ("new", 1)):
        changed = {key: {**rules, name: value} for key, rules in content.items()}
        endpoint_memory.memory_file().write_text(json.dumps(changed))
        assert remembered(BASE, "m") is None


def test_a_folder_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(endpoint_memory, "memory_file", lambda: tmp_path / "file" / "endpoints.json")
    remember(BASE, "m", RULES)
    assert remembered(BASE, "m") is None


def test_nothing_but_the_file_stays_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(endpoint_memory, "memory_file", lambda: tmp_path / "new" / "endpoints.json")
    remember(BASE, "m", RULES)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["endpoints.json"]
