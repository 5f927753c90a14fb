"""Stanford's dialogues in a car (KVRET, SMD): a driver and an assistant."""

from convexplain.connectors.logs.engine.described import DescribedFormat

KVRET = DescribedFormat(
    "kvret",
    "Stanford's dialogues of drivers with an assistant in the car (KVRET, SMD).",
    '{"dialogue": [{"turn": "driver", "data": {"utterance": "Hi"}}, {"turn": "assistant", "data": {"utterance": '
    '"Hello"}}], "scenario": {"uuid": "u1"}}',
    keys=("dialogue[*].turn", "dialogue[*].data.utterance|dialogue[*].utterance"),
    turns="dialogue[*]",
    role="turn",
    roles={"driver": "user"},
    content="data.utterance|utterance",
    id="scenario.uuid|id",
).log_format()
