"""The themes of a run on the terminal."""

from rich.console import Console
from rich.text import Text

from convexplain.explain.wording import counted
from convexplain.text.visible import one_line
from convexplain.workspace import RunTheme, RunThemes
from convexplain.workspace.theme_results import share_text, theme_sentences

from .commands import command_line
from .progress import plain

_REPLY = 100  # characters of a reply that are shown


def show_themes(console: Console, themes: RunThemes, db: str | None) -> None:
    """Show the themes of a run, the largest first, and what to do next.

    Args:
        console: where to.
        themes: the themes.
        db: the store, if the command line names it: the next command has to name it too.
    """
    console.print(plain(f"Run {themes.run}: {themes.size}"), soft_wrap=True)
    for sentence in (themes.search.basis, *themes.search.notes):
        console.print(plain(sentence), style="dim", soft_wrap=True)
    for theme in themes.themes:
        _show_theme(console, theme)
    if themes.themes:
        _show_next(console, themes, db)
    else:
        console.print(plain("There is no theme: a theme is at least three turns that fail in one way."), soft_wrap=True)


def _show_theme(console: Console, theme: RunTheme) -> None:
    pin = " (pinned)" if theme.theme.pinned is not None else ""
    console.print()
    console.print(
        Text.assemble((f"{theme.number}  ", "dim"), (one_line(theme.theme.name), "bold"), pin), soft_wrap=True
    )
    console.print(plain(f"   {counted(theme.count, 'turn')}, {share_text(theme.theme)}."), soft_wrap=True)
    for sentence in theme_sentences(theme.theme):
        console.print(plain(f"   {sentence}"), soft_wrap=True)
    for turn in theme.typical:
        judged = turn.judged
        place = f"{one_line(judged.conversation.id)}:{judged.turn}"
        console.print(plain(f"   - {place}: {turn.headline}"), soft_wrap=True)
        console.print(plain(f"     {_cut(turn.reply)}"), style="dim", soft_wrap=True)


def _show_next(console: Console, themes: RunThemes, db: str | None) -> None:
    store = ["--db", db] if db else []
    first, commands = themes.themes[0], ["convexplain", "themes"]
    console.print()
    if themes.cause_note:
        ask = "" if themes.search.explain else command_line([*commands, str(themes.run), "--explain", "8", *store])
        more = f" This looks for causes, and asks the judge: {ask}" if ask else ""
        console.print(plain(f"{themes.cause_note}{more}"), soft_wrap=True)
    rubric = command_line([*commands, "rubric", str(first.number), *store])
    console.print(plain(f"A theme as a rubric: {rubric}"), soft_wrap=True)


def _cut(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _REPLY else f"{line[: _REPLY - 1]}…"
