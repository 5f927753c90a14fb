"""TRL's RewardTrainer: as for DPO, with the difference of the scores as `margin`."""

from ..exporter import PairExporter
from ..records import preference

TRL_REWARD = PairExporter(
    "trl-reward",
    "TRL's RewardTrainer: as trl-dpo, with a margin.",
    lambda pair: [{**preference(pair, objects=True), "margin": pair.margin}],
)
