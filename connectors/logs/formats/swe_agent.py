"""SWE-agent: trajectories of runs on issues of programs (`*.traj`)."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine import message_lists
from convexplain.connectors.logs.engine.fields import objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation


def is_trajectory(value: Any) -> bool:
    """Return whether a JSON value is a run: its steps, and the messages of the model."""
    return isinstance(value, dict) and all(isinstance(value.get(key), list) for key in ("trajectory", "history"))


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation of a run; demonstrations that its prompt shows are left out."""
    messages = objects(record["history"])
    # What an agent thinks and does stands in its text, too.
    run = [
        {key: text for key, text in message.items() if key not in ("thought", "action")}
        for message in messages
        if not message.get("is_demo")
    ]
    [conversation] = message_lists.parse_conversation(run)
    conversation.metadata = extra_metadata(record, {"history", "trajectory"})
    if demonstrations := len(messages) - len(run):
        conversation.remarks.append(f"left out: demonstrations in the prompt ({demonstrations})")
    return [conversation]


SWE_AGENT = LogFormat(
    "swe-agent",
    "SWE-agent's trajectories, `*.traj`.",
    '{"environment": "e", "trajectory": [], "history": [{"role": "user", "content": "Hi", "agent": "main"}, {"role": '
    '"assistant", "content": "Hello", "agent": "main"}], "info": {}}',
    is_trajectory,
    read_record,
)
