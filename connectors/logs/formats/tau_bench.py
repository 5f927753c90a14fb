"""tau-bench: trajectories of an agent with a simulated customer, with the reward of each task."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine import message_lists
from convexplain.connectors.logs.engine.fields import first_text, object_at, rating
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, UnreadableError
from convexplain.connectors.logs.engine.paths import as_word
from convexplain.connectors.logs.engine.roles import role_of


def is_trajectory(value: Any) -> bool:
    """Return whether a JSON value is the result of a task."""
    return isinstance(value, dict) and value.keys() >= {"task_id", "reward", "traj"} and isinstance(value["traj"], list)


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation of a task; its reward is a label of the last answer.

    Raises:
        UnreadableError: the task failed before anybody spoke.
    """
    if not record["traj"]:
        reason = first_text(object_at(record, "info"), "error")
        raise UnreadableError(f"the task has no messages: {reason}" if reason else "the task has no messages")
    [conversation] = message_lists.parse_conversation(record["traj"])
    conversation.metadata = extra_metadata(record, {"task_id", "trial", "traj", "reward"})
    conversation.id = "-".join(filter(None, (as_word(record["task_id"]), as_word(record.get("trial")))))
    answers = [turn for turn in conversation.turns if role_of(turn.speaker) == "assistant"]
    reward = record["reward"]
    if answers and isinstance(reward, int | float) and 0 <= reward <= 1:
        answers[-1].metadata["ratings"] = [rating("reward", float(reward), as_word(reward))]
    return [conversation]


TAU_BENCH = LogFormat(
    "tau-bench",
    "tau-bench's trajectories (`traj`), with the reward of the task as a label.",
    '{"task_id": 1, "trial": 0, "reward": 1.0, "info": {}, "traj": [{"role": "user", "content": "Hi"}, {"role": '
    '"assistant", "content": "Hello"}]}',
    is_trajectory,
    read_record,
)
