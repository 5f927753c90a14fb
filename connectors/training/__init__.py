"""Training data: preference pairs and conversations in the forms that trainers read."""

from .card import card
from .conversations import message_record
from .formats import FORMATS, WriterFormat, names, writer_of
from .writing import Written, check_folder, write_conversations, write_pairs

__all__ = [
    "FORMATS",
    "WriterFormat",
    "Written",
    "card",
    "check_folder",
    "message_record",
    "names",
    "write_conversations",
    "write_pairs",
    "writer_of",
]
