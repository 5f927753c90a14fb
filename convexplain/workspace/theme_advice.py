"""Suggested actions for themes, made of what is known of them: the cause, the groups, the trend, the phrases."""

from convexplain.analysis.themes.theme import Theme
from convexplain.text.visible import one_line

_PHRASE = 60  # characters of a phrase that are quoted


def theme_advice(theme: Theme) -> str:
    """Return one sentence that says what to do about a theme: what is surest first.

    A common cause comes first, then a bot or a source in which the theme is over-represented, then a clear rise over
    time, else a phrase of its replies of several words.
    """
    if (cause := theme.cause) is not None:
        return (
            f"Change what the assistant does where an earlier turn {cause.statement}: add an instruction and two or "
            "three good replies for this situation, and judge again."
        )
    if theme.excesses:
        excess = theme.excesses[0]
        group = f"the {excess.field} “{one_line(excess.value)}”"
        return f"Look for what {group} does otherwise: its prompt, its tools or its texts are the likeliest place."
    if theme.trend is not None and theme.trend.interval[0] > 0:
        return "Look for what changed in the prompt or in the product before it became more frequent."
    if theme.phrases and " " in _phrase(theme):  # a single word is no answer
        return f"Read its examples, say in the prompt what to answer in place of “{_phrase(theme)}”, and judge again."
    return "Read its examples, and add an instruction and two or three good replies to the prompt."


def _phrase(theme: Theme) -> str:
    """Return the phrase with most words: a single word says little of what is wrong."""
    text = one_line(max(theme.phrases, key=lambda phrase: len(phrase.split())))
    return text if len(text) <= _PHRASE else f"{text[: _PHRASE - 1].rstrip()}…"
