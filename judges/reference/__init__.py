"""The reference set: conversations with planted bad turns, on which any judge can be benchmarked."""

from .baselines import BASELINES, baselines
from .parts import BAD_KINDS, Exchange, Kind, PartReply, Scenario, parse_parts, shipped_scenarios
from .planting import Cause, PlantedLog, PlantedTurn, plant
from .reference_set import Half, reference_set

__all__ = [
    "BAD_KINDS",
    "BASELINES",
    "Cause",
    "Exchange",
    "Half",
    "Kind",
    "PartReply",
    "PlantedLog",
    "PlantedTurn",
    "Scenario",
    "baselines",
    "parse_parts",
    "plant",
    "reference_set",
    "shipped_scenarios",
]
