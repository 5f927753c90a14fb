"""ProsocialDialog: exchanges that belong together by their dialogue's id."""

from convexplain.connectors.logs.engine.described import DescribedFormat

PROSOCIAL = DescribedFormat(
    "prosocial",
    "ProsocialDialog: an exchange a record; labels of the user's texts are metadata.",
    '{"context": "Hi", "response": "Hello", "rots": [], "safety_label": "__casual__", "dialogue_id": 0, '
    '"response_id": 0}',
    keys=("context", "response", "safety_label", "dialogue_id"),
    exchange=(("user", "context"), ("assistant", "response")),
    order="response_id",
    group="dialogue_id",
    unused=("dialogue_id",),
).log_format()
