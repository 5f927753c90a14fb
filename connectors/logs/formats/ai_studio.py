"""Google AI Studio's prompts, as they lie in Google Drive."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import file_placeholder, first_text, object_at, objects

_FILES = {
    "driveImage": "image",
    "inlineImage": "image",
    "driveVideo": "video",
    "youtubeVideo": "video",
    "driveAudio": "audio",
    "inlineAudio": "audio",
    "driveDocument": "file",
    "inlineFile": "file",
}


def chunk_content(chunk: Mapping[str, Any]) -> list[Any]:
    """Return the content of a chunk: its text, its code with the output, and placeholders of its files."""
    blocks: list[Any] = [
        file_placeholder(kind, first_text(object_at(chunk, key), "name", "title", "fileName"))
        for key, kind in _FILES.items()
        if key in chunk
    ]
    parts = objects(chunk.get("parts"))
    thought = "".join(first_text(part, "text") for part in parts if part.get("thought") is True)
    text = first_text(chunk, "text") or "".join(first_text(part, "text") for part in parts if not part.get("thought"))
    if chunk.get("isThought") is True:
        return [{"type": "thinking", "thinking": text or thought}]
    blocks += [{"type": "thinking", "thinking": thought}] if thought else []
    blocks += [text] if text else []
    if code := first_text(object_at(chunk, "executableCode"), "code"):
        blocks.append({"type": "tool_use", "name": "code_execution", "input": code})
    if "codeExecutionResult" in chunk:
        blocks.append({"type": "tool_result", "content": first_text(object_at(chunk, "codeExecutionResult"), "output")})
    return blocks


AI_STUDIO = DescribedFormat(
    "ai-studio",
    "Google AI Studio's prompts (from the folder in Google Drive).",
    '{"runSettings": {"model": "models/gemini-3-pro"}, "systemInstruction": {}, "chunkedPrompt": {"chunks": [{"role": '
    '"user", "text": "Hi"}, {"role": "model", "text": "Hello"}]}}',
    keys=("chunkedPrompt.chunks",),
    turns="chunkedPrompt.chunks[*]",
    content=chunk_content,
    system="systemInstruction.text|systemInstruction.parts",
    left_out={"errorMessage": "messages about errors"},
    unused=(
        "text",
        "parts",
        *_FILES,
        "executableCode",
        "codeExecutionResult",
        "systemInstruction",
        "isThought",
        "thoughtSignatures",
    ),
).log_format()
