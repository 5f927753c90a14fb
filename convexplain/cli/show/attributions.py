"""Attributions, as the command line shows them: the conversation, a bar a turn, and the parts of the top turns."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from convexplain.explain.attribution import NOISE_ASSUMED
from convexplain.explain.wording import NOTHING_BEFORE, counted
from convexplain.text.visible import one_line
from convexplain.types import Attribution, Conversation, Unit

_BAR = 10  # characters of the longest bar
_SMALL = 0.05  # of the largest: what parts of a turn have to do to be listed
_LEAST = 1e-9
_MOST = 200  # characters of a unit that are shown
_TURNS = 40  # turns that are listed; of more, those that do most
_RAISES, _LOWERS = "on dark_blue", "on dark_orange3"  # told apart by colour-blind people too, and said in signs


def show_attributions(
    console: Console, conversation: Conversation, attributions: Sequence[Attribution], threshold: float, trust: str
) -> None:
    """Show one turn's attributions: a line that says what is explained, then the conversation with what each turn does.

    `+` and `-` say whether a unit raises or lowers the score, the number what the score would be without it; `~` marks
    what may well be noise, and `*` what joint attribution chose.
    """
    coarsest = attributions[0]
    where = f"{conversation.id}:{coarsest.turn}  {coarsest.rubric} ({trust}), {coarsest.question}, {coarsest.method}: "
    console.print(Text.assemble((one_line(where) + " ", "bold"), _outcome(attributions, threshold)), soft_wrap=True)
    scale = max(
        (abs(score) for attribution in attributions for score in attribution.scores if score is not None), default=0.0
    )
    if scale > _LEAST or attributions[0].chosen:
        rows = list(_rows(conversation, attributions, scale))
        for row in rows:
            console.print(_line(conversation, *row, scale, console), soft_wrap=True)
    for note in dict.fromkeys(note for attribution in attributions for note in attribution.notes):
        if note != NOISE_ASSUMED:
            console.print(Text(f"  note: {one_line(note)}"), soft_wrap=True)


def _outcome(attributions: Sequence[Attribution], threshold: float) -> str:
    coarsest = attributions[0]
    if not coarsest.units and len(attributions) == 1:
        return NOTHING_BEFORE
    calls = counted(sum(attribution.calls for attribution in attributions), "call")
    if coarsest.full is None:
        return "not attributed"
    if coarsest.score is None:
        return f"{coarsest.scalarizer} {coarsest.full:.3f}, {calls}"
    without = coarsest.value_of(coarsest.baseline)
    alone = "" if without is None else f", {without:.2f} without all turns before it"
    together = ""
    if coarsest.chosen and coarsest.drop is not None:
        named = ", ".join(str(coarsest.units[i].turn) for i in coarsest.chosen)
        what = f"turns {named}" if coarsest.level == "turn" else f"{len(coarsest.chosen)} {coarsest.level}s (*)"
        value = coarsest.value_of(coarsest.full - coarsest.side * coarsest.drop)
        together = f", {value:.2f} without {what} together"
    return f"{coarsest.score:.2f} (threshold {threshold:g}){alone}{together}, {calls}"


Row = tuple[Attribution, int, int]  # attribution, number of the unit, depth


def _rows(conversation: Conversation, attributions: Sequence[Attribution], scale: float) -> Iterator[Row]:
    """The units in the order of the text, each followed by its parts that do something."""
    listed = {0: _largest(attributions[0])}
    for level, attribution in enumerate(attributions[1:], 1):
        large = {i for i, score in enumerate(attribution.scores) if score is not None and abs(score) >= _SMALL * scale}
        listed[level] = large | set(attribution.chosen)

    def below(level: int, inside: Unit | None) -> Iterator[Row]:
        if level == len(attributions):
            return
        for i, unit in enumerate(attributions[level].units):
            if inside is not None and not _within(unit, inside):
                continue
            same = inside is not None and (unit.start, unit.end) == (inside.start, inside.end)
            if i in listed[level] and not same:
                yield attributions[level], i, level
            yield from below(level + 1, unit)

    yield from below(0, None)
    first = attributions[0].units
    for level, attribution in enumerate(attributions[1:], 1):  # parts of the judged turn itself
        for i, unit in enumerate(attribution.units):
            if not any(_within(unit, above) for above in first) and i in listed[level]:
                yield attribution, i, level


def _largest(attribution: Attribution) -> set[int]:
    ordered = sorted(range(len(attribution.units)), key=lambda i: -abs(attribution.scores[i] or 0.0))
    return set(ordered[:_TURNS]) | set(attribution.chosen)


def _within(unit: Unit, outer: Unit) -> bool:
    return unit.turn == outer.turn and outer.start <= unit.start < outer.end


def _line(
    conversation: Conversation, attribution: Attribution, i: int, depth: int, scale: float, console: Console
) -> Text:
    unit, score = attribution.units[i], attribution.scores[i]
    turn = conversation.turns[unit.turn]
    name = f"turn {unit.turn} {turn.role}" if depth == 0 else f"{'  ' * depth}{attribution.level}"
    text = one_line(unit.of(turn.content))
    text = text if len(text) <= _MOST else f"{text[:_MOST]} …"
    if score is None:
        return Text(f"  {name:<20} ?                              {text}")
    without = attribution.scores_without[i]
    sign = " " if abs(score) < _LEAST else "+" if score > 0 else "-"
    large = abs(score) > _SMALL / _BAR * scale and not attribution.noisy[i]  # a bar would look like an effect
    bar = "█" * max(1, round(_BAR * abs(score) / scale)) if large else ""
    marks = ("*" if i in attribution.chosen else " ") + ("~" if attribution.noisy[i] else " ")
    style = ""
    if console.is_terminal and not console.no_color and not attribution.noisy[i]:
        style = _RAISES if score > 0 else _LOWERS
    return Text.assemble(f"  {name:<20}{marks}{sign} {without:5.2f} without  {bar:<{_BAR}} ", (text, style))
