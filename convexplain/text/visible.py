"""Text from outside, made safe to show: nothing in it moves the cursor or the reading direction."""

_HIDDEN = (
    *(code for code in range(32) if code not in (9, 10, 13)),
    *range(127, 160),
    *(0x061C, 0x200E, 0x200F, 0xFEFF),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *range(0xD800, 0xE000),
)
_VISIBLE = {**dict.fromkeys(_HIDDEN, "\ufffd"), 13: " "}


def visible(text: str) -> str:
    """Return the text with control and bidirectional characters and lone surrogates as U+FFFD.

    Tabs and line breaks stay; a carriage return is a space, so that every character keeps its place.
    """
    return text.translate(_VISIBLE)


def one_line(text: str) -> str:
    """Return `visible` text with all white space folded to single spaces, so that it cannot forge a line of its own."""
    return " ".join(visible(text).split())
