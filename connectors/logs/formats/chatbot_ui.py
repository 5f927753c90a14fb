"""Chatbot UI's export: all conversations under `history`, each with its system text under `prompt`."""

from convexplain.connectors.logs.engine.described import DescribedFormat

CHATBOT_UI = DescribedFormat(
    "chatbot-ui",
    "Chatbot UI's export (versions 1 to 4).",
    '{"version": 4, "history": [{"id": "1", "name": "A greeting", "messages": [{"role": "user", "content": "Hi"}, '
    '{"role": "assistant", "content": "Hello"}], "prompt": "", "folderId": null}], "folders": [], "prompts": []}',
    keys=("history[*].messages|messages", "folders|folderId", "history[*].prompt|prompt"),
    conversations="history[*]|",
    turns="messages[*]",
    system="prompt",
).log_format()
