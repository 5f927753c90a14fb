"""The fence around turns in a prompt: nothing in them can pass for a part of the prompt.

Three properties hold for any content: a role stands at the start of a line only where a turn begins (continuation lines
are indented), no chat template's control token and no mark of the fence survives, and no invisible character does.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import regex

from convexplain.types import Turn

OPEN, CLOSE = "<conversation>", "</conversation>"

# Tokens that chat templates give a meaning to, whoever wrote them, and the fence's own marks.
CONTROL_TOKEN = re.compile(
    r"""
      <[|｜][^<>]{0,64}[|｜]>                                  # <|im_start|>, <|eot_id|>, <｜User｜>
    | <</?\s*SYS\s*>>                                          # Llama 2
    | </?\s*(?:s|bos|eos|pad|unk|mask|think)\s*>
    | </?[a-z]+(?:_[a-z]+)+>                                   # <start_of_turn>, <file_sep>, <tool_call>
    | <(?:reponame|filename)>
    | \[/?\s*(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|IMG|THINK)[^\[\]\n]{0,16}\]   # Mistral
    | </?\s*conversation\b[^<>]{0,64}>?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LOOKALIKE = str.maketrans("<>[]|｜", "‹›⟦⟧¦¦")

# Control characters, bidirectional overrides, tag characters and lone surrogates: invisible, or refused by tokenizers.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


# Zero-width and other characters that show nothing: needed in emoji and some scripts, useful for hiding a token.
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")


def without_ignorable(text: str) -> str:
    """Return the text without the characters that show nothing."""
    return _IGNORABLE.sub("", text)


@lru_cache(maxsize=512)  # a turn stands in the prompts of all later ones, on each rubric
def defuse(text: str) -> str:
    """Return the text with control tokens turned into look-alikes, and invisible characters into U+FFFD."""
    text = _INVISIBLE.sub("\ufffd", text)
    visible = without_ignorable(text)
    if len(visible) < len(text) and CONTROL_TOKEN.search(visible):
        text = visible  # characters that show nothing were hiding a token
    # Until nothing changes: taking a token apart must not put another one together.
    while (changed := CONTROL_TOKEN.sub(lambda match: match[0].translate(_LOOKALIKE), text)) != text:
        text = changed
    return text


def line(turn: Turn) -> str:
    """Return a turn as `role: text`, further lines indented."""
    return f"{turn.role}: " + "\n  ".join(defuse(turn.content).splitlines())


def transcript(turns: Sequence[Turn], left_out: int = 0, *, reasoning: bool = False) -> str:
    """Return the turns inside the fence, with a note where earlier ones were left out.

    Args:
        turns: the turns.
        left_out: number of earlier turns that are not among them.
        reasoning: show the reasoning of a turn before it, marked as no part of it.
    """
    note = [f"({left_out} earlier turns are not shown)"] if left_out else []
    lines = (text for turn in turns for text in ((*_reasoning_lines(turn), line(turn)) if reasoning else (line(turn),)))
    return "\n".join([OPEN, *note, *lines, CLOSE])


def _reasoning_lines(turn: Turn) -> list[str]:
    if not turn.reasoning.strip():
        return []
    text = "\n  ".join(defuse(turn.reasoning).splitlines())
    return [f"(reasoning before the next turn, which is no part of it: {text})"]
