"""Genesys Cloud: transcripts of calls and chats, in phrases."""

from convexplain.connectors.logs.engine.described import DescribedFormat

GENESYS = DescribedFormat(
    "genesys",
    "Genesys Cloud's transcripts (`transcripts` with `phrases`); who is external is the user.",
    '{"conversationId": "c", "transcripts": [{"transcriptId": "t", "phrases": [{"text": "Hi", "participantPurpose": '
    '"external", "startTimeMs": 1714557600000}, {"text": "Hello", "participantPurpose": "internal", "startTimeMs": '
    "1714557601000}]}]}",
    keys=("transcripts[*].phrases[*].participantPurpose", "transcripts[*].phrases[*].text"),
    turns="transcripts[*].phrases[*]",
    role="participantPurpose",
    roles={
        "external": "user",
        "internal": "assistant",
        "acd": "assistant",
        "ivr": "assistant",
        "workflow": "assistant",
    },
    content="decoratedText|text",
    at="startTimeMs",
    order="startTimeMs",
    id="conversationId",
    unused=("words", "text", "decoratedText", "startTimeMs"),
).log_format()
