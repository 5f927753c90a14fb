"""Axolotl's `chat_template.default` for DPO."""

from convexplain.explain.pairs import Pair

from ..exporter import PairExporter
from ..messages import UnwritableError, has_calls
from ..records import Record, prompt_and

CALLS = "axolotl reads `role` and `content` alone: it would drop the calls of tools"


def plain_example(pair: Pair) -> list[Record]:
    """Return a pair as `messages`, `chosen` and `rejected`, with `role` and `content` alone.

    Raises:
        UnwritableError: a turn calls a tool.
    """
    if has_calls((*pair.prompt, pair.chosen, pair.rejected)):
        raise UnwritableError(CALLS)
    prompt, answers = prompt_and(pair, pair.chosen, pair.rejected)
    chosen, rejected = ({key: part[key] for key in ("role", "content")} for part in answers)
    history = [{key: part[key] for key in ("role", "content")} for part in prompt]
    return [{"messages": history, "chosen": chosen, "rejected": rejected}]


AXOLOTL = PairExporter("axolotl", "Axolotl, `type: chat_template.default` with `rl: dpo`.", plain_example)
