"""OpenAI's preference files, which Together and Fireworks read too: exactly one message on each side."""

from convexplain.explain.measurement import chat_messages
from convexplain.explain.pairs import Pair
from convexplain.models.chat import sendable

from ..exporter import PairExporter
from ..records import Record, message


def preference_example(pair: Pair) -> list[Record]:
    """Return a pair as `input`, `preferred_output` and `non_preferred_output`."""
    prompt, _ = chat_messages(pair.prompt)
    return [
        {
            "input": {
                "messages": [{"role": part.role, "content": sendable(part.content)} for part in prompt],
                "tools": [],
                "parallel_tool_calls": True,
            },
            "preferred_output": [message(pair.chosen)],
            "non_preferred_output": [message(pair.rejected)],
        }
    ]


OPENAI_PREFERENCE = PairExporter(
    "openai-preference", "OpenAI's preference fine-tuning, Together, Fireworks.", preference_example
)
