"""TRL's DPOTrainer."""

from ..exporter import PairExporter
from ..records import preference

TRL_DPO = PairExporter(
    "trl-dpo",
    "TRL's DPOTrainer (also CPO, ORPO): prompt, chosen, rejected.",
    lambda pair: [preference(pair, objects=True)],
)
