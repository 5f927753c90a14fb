"""ParlAI's logs of conversations."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import identifier, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.message_lists import is_turn
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation
from convexplain.connectors.logs.engine.roles import role_of

from ._parlai_acts import CONTEXT, add_act

_HUMAN = re.compile(r"human|user|worker|turker|person|evaluator", re.IGNORECASE)
_TWO = 2


def is_parlai(value: Any) -> bool:
    """Return whether a JSON value is a conversation in ParlAI's form: acts with `id` and `text`, by themselves or in
    pairs.
    """
    if not isinstance(value, dict) or not isinstance(value.get("dialog"), list):
        return False
    acts = objects(_flat(value["dialog"][:20]))
    return any("text" in act and isinstance(act.get("id"), str) and not is_turn(act) for act in acts)


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a record. Its context (personas, topics) is the system's; a speaker who is no human is
    the assistant.
    """
    conversation = ParsedConversation([], extra_metadata(record, {"dialog", CONTEXT}))
    context = record.get(CONTEXT)
    acts = [*(context if isinstance(context, list) else []), *_flat(record["dialog"])]
    if isinstance(context, str) and context.strip():
        acts.insert(0, {"id": CONTEXT, "text": context})
    user = _user(acts, conversation)
    for number, act in enumerate(acts, 1):
        if isinstance(act, dict):
            add_act(conversation, act, user)
        else:
            conversation.remarks.append(f"act {number} is missing")
    return [conversation]


def _flat(items: Sequence[Any]) -> list[Any]:
    return [act for item in items for act in (item if isinstance(item, list) else [item])]


def _user(acts: Sequence[Any], conversation: ParsedConversation) -> str | None:
    """Return the user of two speakers, where their names are no roles; None where that is not known."""
    names = list(dict.fromkeys(name for act in acts if (name := identifier(act, "id")) and name.lower() != CONTEXT))
    humans = [name for name in names if _HUMAN.search(name)]
    if len(names) != _TWO or any(role_of(name) for name in names):
        return humans[0] if len(humans) == 1 else None
    if len(humans) == 1:
        return humans[0]
    conversation.remarks.append(f"neither {names[0]!r} nor {names[1]!r} is surely the user; taken for it: {names[0]!r}")
    return names[0]


PARLAI = LogFormat(
    "parlai",
    "ParlAI logs: acts with id and text, in pairs or one after the other; who is no human is the assistant.",
    '{"dialog": [[{"id": "human", "text": "Hi"}, {"id": "model", "text": "Hello"}]]}',
    is_parlai,
    read_record,
)
