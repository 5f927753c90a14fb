"""What is asked for after a refusal, and how rules are said to people."""

import pytest

from convexplain.connectors.models.endpoint_rules import EndpointRules
from convexplain.connectors.models.openai_requests import request_body
from convexplain.models.chat import Message, Request

NO_EFFORT = (
    "Unsupported value: 'minimal' is not supported with the 'gpt-5.1' model. Supported values are: 'none', 'low'."
)


@pytest.mark.parametrize(
    ("rules", "refusal", "after"),
    [
        (
            EndpointRules(),
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            EndpointRules("max_completion_tokens", limit_decided=True),
        ),
        (
            EndpointRules("max_completion_tokens"),
            "max_completion_tokens: Extra inputs are not permitted",
            EndpointRules(limit_decided=True),
        ),
        (EndpointRules(limit_decided=True), "Unsupported parameter: 'max_tokens'", None),
        (
            EndpointRules(),
            '{"object": "Error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], '
            '"msg": "Extra inputs are not permitted", "input": 3}]}}',
            EndpointRules(seed=""),
        ),
        (EndpointRules(seed="random_seed"), "Unknown parameter: 'seed'", None),
        (EndpointRules(), "temperature is not supported", EndpointRules(temperature=False)),
        (EndpointRules(temperature=False), "temperature is not supported", None),
        (EndpointRules(), "max_tokens must be at most 8192", None),
        (EndpointRules(), "unknown field 'messages'", None),
        (EndpointRules(), "top_logprobs is not supported", EndpointRules(top_logprobs=5)),
        (EndpointRules(top_logprobs=5), "top_logprobs is not supported", EndpointRules(top_logprobs=0)),
        (EndpointRules(top_logprobs=0), "top_logprobs is not supported", None),
        (EndpointRules(), "Requested top_logprobs of 20, the maximum of 8 is exceeded", EndpointRules(top_logprobs=8)),
        (EndpointRules(), "top_logprobs must be between 0 and 11", EndpointRules(top_logprobs=11)),
        (EndpointRules(), "You are not allowed to request logprobs from this model", EndpointRules(top_logprobs=0)),
        (EndpointRules(), "response_format json_schema is not available", EndpointRules(schema=False)),
        (EndpointRules(schema=False), "response_format json_schema is not available", None),
        (EndpointRules(), "response_format and logprobs do not go together", None),
        (EndpointRules(), NO_EFFORT, None),
    ],
)
def test_what_a_refusal_names_is_left_out(rules, refusal, after):
    assert rules.after_named(refusal) == after


def test_without_a_name_less_is_asked_for_step_by_step():
    rules, steps = EndpointRules(), []
    while rules is not None:
        steps.append((rules.top_logprobs, rules.schema))
        rules = rules.after("no")
    assert steps == [(20, True), (20, False), (5, True), (5, False), (0, True), (0, False)]
    assert EndpointRules(top_logprobs=8).after("no") == EndpointRules(top_logprobs=5)


REQUEST = Request((Message("user", "Is it?"),), max_tokens=24)


@pytest.mark.parametrize(
    ("rules", "fields"),
    [
        (EndpointRules(switch="reasoning_effort=none"), {"max_tokens": 24, "reasoning_effort": "none"}),
        (EndpointRules(switch="think=false"), {"max_tokens": 24, "think": False}),
        (EndpointRules(switch="reasoning.enabled=false"), {"max_tokens": 24, "reasoning": {"enabled": False}}),
        (
            EndpointRules(switch="chat_template_kwargs"),
            {"max_tokens": 24, "chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
        ),
        (
            EndpointRules("max_completion_tokens", switch="reasoning_effort=low", thinking_tokens=2048),
            {"max_completion_tokens": 2072, "reasoning_effort": "low"},
        ),
        (EndpointRules(switch="/no_think"), {"max_tokens": 24}),
    ],
)
def test_the_fields_against_thinking(rules, fields):
    body = request_body(REQUEST, "m", rules)
    content = "Is it? /no_think" if rules.switch == "/no_think" else "Is it?"
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": content}],
        "temperature": 0.0,
        "seed": 0,
        **fields,
    }
    assert REQUEST.messages[0].content == "Is it?"


def test_the_effort_that_a_user_asks_for_wins():
    assert (
        request_body(REQUEST, "m", EndpointRules(switch="reasoning_effort=none"), "high")["reasoning_effort"] == "high"
    )


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (EndpointRules(), "none was seen"),
        (EndpointRules(switch="think=false", thinks=True), "switched off, by think=false"),
        (
            EndpointRules(thinking_tokens=2048, thinks=True),
            "cannot be switched off: up to 2,048 tokens of thoughts before each reply",
        ),
    ],
)
def test_thinking_is_said_in_words(rules, words):
    assert dict(rules.rows())["thinking"] == words
