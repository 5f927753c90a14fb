"""TRL's SFTTrainer: the chosen turn alone."""

from ..exporter import PairExporter
from ..records import message, messages

TRL_SFT = PairExporter(
    "trl-sft",
    "TRL's SFTTrainer: prompt and the chosen turn.",
    lambda pair: [{"prompt": messages(pair.prompt), "completion": [message(pair.chosen)]}],
)
