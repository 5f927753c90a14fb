"""`check_model` on models without an endpoint and with one."""

import asyncio

from convexplain.connectors.models import OpenAICompatible
from convexplain.judges.check import check_model
from convexplain.testing import ScriptedModel
from tests.connectors.models.servers import OpenAI5


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


def test_a_model_without_an_endpoint_has_nothing_to_show():
    check = asyncio.run(check_model(ScriptedModel(lambda prompt: '{"label": "yes"}')))
    assert check.endpoint == ()
    assert check.rows()[-1][0] == "window"
