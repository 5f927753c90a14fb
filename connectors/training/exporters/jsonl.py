"""JSON Lines with all fields of each pair."""

from ..exporter import PairExporter
from ..records import all_fields

JSONL = PairExporter("jsonl", "Everything that is known of each pair.", all_fields)
