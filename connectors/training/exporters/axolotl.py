"""Axolotl's `chat_template.default` for DPO."""

from ..exporter import PairExporter
from ..records import message, messages

AXOLOTL = PairExporter(
    "axolotl",
    "Axolotl, `type: chat_template.default` with `rl: dpo`.",
    lambda pair: [
        {"messages": messages(pair.prompt), "chosen": message(pair.chosen), "rejected": message(pair.rejected)}
    ],
)
