"""`check_model` on models without an endpoint and with one."""

import asyncio

import pytest

from convexplain.connectors.models import OpenAICompatible
from convexplain.connectors.models.endpoint_memory import remember
from convexplain.connectors.models.endpoint_rules import EndpointRules
from convexplain.judges.check import ModelCheck, check_model
from convexplain.testing import ScriptedModel
from tests.connectors.models.servers import MockServer, OpenAI5


def test_what_the_probe_learnt_is_shown(probing):
    model = OpenAICompatible("http://127.0.0.1:9/v1?model=m", OpenAI5(("none", "low"), "low").transport)
    check = asyncio.run(check_model(model))
    assert check.usable
    assert check.rows()[-5:] == [
        ("token limit", "`max_completion_tokens`"),
        ("temperature", "taken"),
        ("seed", "`seed`"),
        ("JSON schema", "taken"),
        ("thinking", "switched off, by reasoning_effort=none"),
    ]


def test_an_endpoint_that_is_remembered_is_probed_again(probing):
    remember("http://127.0.0.1:9/v1", "m", EndpointRules(temperature=False))
    model = OpenAICompatible("http://127.0.0.1:9/v1?model=m", MockServer().transport)
    check = asyncio.run(check_model(model))
    assert ("temperature", "taken") in check.rows()


def test_a_model_without_an_endpoint_has_nothing_to_show():
    check = asyncio.run(check_model(ScriptedModel(lambda prompt: '{"label": "yes"}')))
    assert check.endpoint == ()
    assert check.rows()[-1][0] == "window"


@pytest.mark.parametrize(
    ("label", "logprobs", "alternatives", "words"),
    [
        ("yes", True, None, "yes, of the whole vocabulary"),
        ("yes", True, 20, "yes, of the top 20"),
        (None, True, None, "yes"),  # at a label they were not seen
        (None, False, None, "no: scores will be averages of sampled replies"),
    ],
)
def test_log_probabilities_in_words(label, logprobs, alternatives, words):
    check = ModelCheck("m", label, "Well", logprobs, alternatives, None, None, 0.0, None)
    assert dict(check.rows())["log-probabilities"] == words
