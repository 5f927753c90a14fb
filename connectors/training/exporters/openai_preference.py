"""OpenAI's preference files, which Together and Fireworks read too: exactly one message on each side."""

from convexplain.explain.measurement import chat_messages
from convexplain.explain.pairs import Pair
from convexplain.models.chat import sendable

from ..exporter import PairExporter
from ..messages import answer_turn, has_calls, message, messages, openai_tools
from ..records import Record


def preference_example(pair: Pair) -> list[Record]:
    """Return a pair as `input`, `preferred_output` and `non_preferred_output`.

    Without calls of tools, users and the assistant alternate, a user first, and results of tools speak as users.

    Raises:
        UnwritableError: no message holds a turn, or a call and its result do not belong together.
    """
    chosen, rejected = answer_turn(pair.chosen), answer_turn(pair.rejected)
    if has_calls((*pair.prompt, chosen, rejected)):
        prompt = messages(pair.prompt, strict=True)
        answers = [messages((*pair.prompt, turn), strict=True)[-1] for turn in (chosen, rejected)]
    else:
        prompt = [{"role": part.role, "content": sendable(part.content)} for part in chat_messages(pair.prompt)[0]]
        answers = [message(chosen), message(rejected)]
    return [
        {
            "input": {"messages": prompt, "tools": openai_tools(pair.tools), "parallel_tool_calls": True},
            "preferred_output": answers[:1],
            "non_preferred_output": answers[1:],
        }
    ]


OPENAI_PREFERENCE = PairExporter(
    "openai-preference", "OpenAI's preference fine-tuning, Together, Fireworks.", preference_example
)
