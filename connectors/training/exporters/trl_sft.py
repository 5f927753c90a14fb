"""TRL's SFTTrainer: the chosen turn alone."""

from convexplain.explain.pairs import Pair

from ..exporter import PairExporter
from ..records import Record, prompt_and, tools


def completion(pair: Pair) -> list[Record]:
    """Return the chosen turn of a pair as `completion`, after its `prompt`."""
    prompt, chosen = prompt_and(pair, pair.chosen, objects=True)
    return [{"prompt": prompt, "completion": chosen, **tools(pair)}]


TRL_SFT = PairExporter(
    "trl-sft",
    "TRL's SFTTrainer: prompt and the chosen turn.",
    completion,
)
