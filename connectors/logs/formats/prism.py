"""PRISM: conversations in which a person chose among the answers of several models, and scored them."""

from convexplain.connectors.logs.engine.described import DescribedFormat, LabelField
from convexplain.connectors.logs.engine.described_answers import scale

PRISM = DescribedFormat(
    "prism",
    "PRISM's conversations, with the answers that people chose and their scores (1 to 100).",
    '{"conversation_id": "c1", "conversation_history": [{"turn": 0, "role": "user", "content": "Hi"}, {"turn": 0, '
    '"role": "model", "content": "Hello", "score": 60, "if_chosen": true}]}',
    keys=("conversation_history[*].role", "conversation_history[*].if_chosen"),
    turns="conversation_history[*]",
    left_out={"if_chosen=false": "answers that were not chosen"},
    labels=(LabelField("score", "score", scale(1, 100)),),
).log_format()
