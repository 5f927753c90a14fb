"""One pair as the records that a trainer reads. Prompts are always explicit: what differs is one assistant turn."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from convexplain.connectors.texts import each_text
from convexplain.explain.measurement import laid_out
from convexplain.explain.pairs import Pair
from convexplain.models.chat import sendable
from convexplain.types import Turn, sha256_json

Record = dict[str, Any]
Settle = Callable[[Sequence[Record]], tuple[list[Record], dict[str, int]]]

REPEATED = "the same record is there already"
BOTH_WAYS = "the same turn is labelled both ways"


def trl_dpo(pair: Pair) -> list[Record]:
    """TRL's DPOTrainer: prompt, chosen, rejected as messages."""
    return [
        {"prompt": _messages(pair.prompt), "chosen": [_message(pair.chosen)], "rejected": [_message(pair.rejected)]}
    ]


def trl_reward(pair: Pair) -> list[Record]:
    """TRL's RewardTrainer: as for DPO, with the difference of the scores as `margin`."""
    return [{**trl_dpo(pair)[0], "margin": pair.margin}]


def trl_kto(pair: Pair) -> list[Record]:
    """TRL's KTOTrainer: each turn by itself, labelled."""
    return [
        {"prompt": _messages(pair.prompt), "completion": [_message(turn)], "label": good}
        for turn, good in ((pair.chosen, True), (pair.rejected, False))
    ]


def trl_sft(pair: Pair) -> list[Record]:
    """TRL's SFTTrainer: the chosen turn alone."""
    return [{"prompt": _messages(pair.prompt), "completion": [_message(pair.chosen)]}]


def openai_preference(pair: Pair) -> list[Record]:
    """OpenAI's preference files, which Together and Fireworks read too: exactly one message on each side."""
    messages, _ = laid_out(pair.prompt)
    return [
        {
            "input": {"messages": _plain(messages), "tools": [], "parallel_tool_calls": True},
            "preferred_output": [_message(pair.chosen)],
            "non_preferred_output": [_message(pair.rejected)],
        }
    ]


def axolotl(pair: Pair) -> list[Record]:
    """Axolotl's `chat_template.default` for DPO."""
    return [{"messages": _messages(pair.prompt), "chosen": _message(pair.chosen), "rejected": _message(pair.rejected)}]


def llama_factory(pair: Pair) -> list[Record]:
    """LLaMA-Factory's sharegpt form with `ranking`; users and the assistant must alternate there, a user first."""
    messages, _ = laid_out(pair.prompt)
    system = messages[0].content if messages[0].role == "system" else ""
    words = {"user": "human", "assistant": "gpt"}
    said = [
        {"from": words[message.role], "value": sendable(message.content)}
        for message in messages
        if message.role != "system"
    ]
    sides = {
        side: {"from": "gpt", "value": sendable(turn.content)}
        for side, turn in (("chosen", pair.chosen), ("rejected", pair.rejected))
    }
    # Always there: dataset_info.json names the column, and no record may be without it.
    return [{"conversations": said, **sides, "system": sendable(system)}]


def everything(pair: Pair) -> list[Record]:
    """All that is known of a pair."""
    return [
        {
            **trl_dpo(pair)[0],
            "score_chosen": pair.score_chosen,
            "score_rejected": pair.score_rejected,
            "margin": pair.margin,
            "rubric": pair.rubric,
            "question": pair.question,
            "final_answers": pair.final,
            "conversation": sendable(pair.conversation_id),
            "turn": pair.turn,
            "split": pair.split,
            "provenance": each_text(dict(pair.provenance), sendable),
        }
    ]


def flat(pair: Pair) -> list[Record]:
    """All that is known of a pair, in cells of a table: the history as JSON."""
    (record,) = everything(pair)
    return [
        {
            **record,
            "prompt": json.dumps(record["prompt"], ensure_ascii=False),
            "chosen": sendable(pair.chosen.content),
            "rejected": sendable(pair.rejected.content),
            "provenance": json.dumps(record["provenance"], ensure_ascii=False),
        }
    ]


def once(rows: Sequence[Record]) -> tuple[list[Record], dict[str, int]]:
    """The records without those that are there already; and how many are left out, by the reason."""
    kept = list({_key(row): row for row in rows}.values())
    return kept, {REPEATED: len(rows) - len(kept)} if len(kept) < len(rows) else {}


def one_label(rows: Sequence[Record]) -> tuple[list[Record], dict[str, int]]:
    """As `once`, and without turns that win one pair and lose another: they are neither good nor bad."""
    kept, left_out = once(rows)
    sides = Counter(_key({**row, "label": None}) for row in kept)
    clear = [row for row in kept if sides[_key({**row, "label": None})] == 1]
    return clear, left_out | ({BOTH_WAYS: len(kept) - len(clear)} if len(clear) < len(kept) else {})


def _key(row: Record) -> str:
    return sha256_json(row)


def _messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    return [_message(turn) for turn in turns]


def _message(turn: Turn) -> dict[str, str]:
    return {"role": turn.role, "content": sendable(turn.content)}


def _plain(messages: Sequence[Any]) -> list[Mapping[str, str]]:
    return [{"role": message.role, "content": sendable(message.content)} for message in messages]
