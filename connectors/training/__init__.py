"""Training data: preference pairs and conversations in the forms that trainers read."""

from .card import card
from .exporter import EXPORTERS, ConversationExporter, Exporter, PairExporter
from .folder import ExportFiles, check_folder, write_conversations, write_pairs

__all__ = [
    "EXPORTERS",
    "ConversationExporter",
    "ExportFiles",
    "Exporter",
    "PairExporter",
    "card",
    "check_folder",
    "write_conversations",
    "write_pairs",
]
