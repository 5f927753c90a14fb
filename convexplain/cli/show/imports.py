"""Imports, as the command line shows them: formats, and what was recognised. Text from logs is text only."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convexplain.connectors.logs import LogInspection
from convexplain.errors import Problem
from convexplain.text.visible import one_line, visible
from convexplain.types import Conversation

from .progress import plain

_PROBLEMS = 200  # that are printed; the others are counted
_SPEAKERS = 20
_TURNS = 12  # of the first conversation
_CHARACTERS = 600  # of each of them


def show_formats(console: Console, formats: Sequence[tuple[str, str, str]], *, complete: bool) -> None:
    """Show formats by name, description and example; `complete` shows the whole examples."""
    for name, description, example in formats:
        console.print(Text(name, style="bold"), plain(description), sep="  ", soft_wrap=True)
        lines = visible(example).splitlines()
        for line in lines if complete else [one_line(example)[:200]]:
            console.print(Text(f"    {line}"), soft_wrap=True)


def show_inspected(console: Console, path: str, inspection: LogInspection) -> None:
    """Show what was recognised in one log, the role of each speaker, and the first conversation."""
    console.print(Text(one_line(path), style="bold"), soft_wrap=True)
    containers = _counted((name, count) for name, count in inspection.containers.most_common(10) if name)
    console.print(
        plain(f"  format     {_counted(inspection.formats.most_common(10)) or 'not recognised'}"), soft_wrap=True
    )
    console.print(plain(f"  encoding   {_counted(inspection.encodings.most_common(10)) or '–'}"), soft_wrap=True)
    if containers:
        console.print(plain(f"  container  {containers}"), soft_wrap=True)
    part = "all of it" if inspection.complete else "its first part"
    console.print(
        f"  read       {inspection.conversations:,} conversations with {inspection.turns:,} turns, from {part}"
    )
    if inspection.joined:
        console.print(f"  joined     {inspection.joined:,} of them with the requests in other logs")
    elif inspection.joins and not inspection.conversations:
        console.print("  joined     its records are in conversations of the other logs, with their answers")
    for proposal in inspection.proposals:
        option = shlex.quote(str(proposal.field_map))
        console.print(plain(f"  map        --map {option}  (proposed: the log has no known format)"), soft_wrap=True)
        for doubt in proposal.doubts:
            console.print(plain(f"  to decide  {doubt}"), soft_wrap=True)
    if inspection.speakers:
        roles = Counter[str]()
        for (_, _, role), count in inspection.speakers.items():
            roles[role] += count
        console.print(plain(f"  roles      {', '.join(f'{count:,} {role}' for role, count in roles.most_common())}"))
        console.print(_speakers(inspection.speakers))
    if inspection.first is not None:
        _show_first(console, inspection.first)
    for problem in inspection.problems[:_PROBLEMS]:
        console.print(_problem(problem), soft_wrap=True)
    if (more := len(inspection.problems) - _PROBLEMS) > 0:
        console.print(f"! and {more:,} more problems")


def _counted(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(one_line(name) + (f" ({count:,})" if count > 1 else "") for name, count in counts)


def _speakers(speakers: Counter[tuple[str, str, str]]) -> Table:
    table = Table(title="speakers", title_justify="left")
    named = any(name for _, name, _ in speakers)
    for heading in ("in the log", *(["name"] if named else []), "role", "turns"):
        table.add_column(heading, justify="right" if heading == "turns" else "left", overflow="fold")
    for (word, name, role), count in speakers.most_common(_SPEAKERS):
        names = [Text(one_line(name)[:60])] if named else []
        table.add_row(Text(one_line(word)[:60]), *names, role, f"{count:,}")
    if (more := len(speakers) - _SPEAKERS) > 0:
        table.add_row(f"and {more:,} more")
    return table


def _show_first(console: Console, conversation: Conversation) -> None:
    console.print(Text(f"first conversation: {one_line(conversation.id)}"), soft_wrap=True)
    for turn in conversation.turns[:_TURNS]:
        name = f" ({one_line(turn.name)[:40]})" if turn.name else ""
        content = visible(turn.content[:_CHARACTERS]) + ("…" if len(turn.content) > _CHARACTERS else "")
        indented = content.replace("\n", "\n      ")
        console.print(Text(f"  {turn.role}{name}: ", style="bold"), Text(indented), sep="", soft_wrap=True)
    if (more := len(conversation.turns) - _TURNS) > 0:
        console.print(f"  … and {more:,} more turns")


def _problem(problem: Problem) -> Text:
    return plain(f"{'·' if problem.kept else '!'} {one_line(str(problem))}")
