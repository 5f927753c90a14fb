"""Attributions, as the command line shows them: the conversation, a bar a turn, and the parts of the top turns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from convexplain.explain.attribution import NOISE_ASSUMED, NOTHING_TO_ATTRIBUTE
from convexplain.explain.interactions import PAIRS_HEADING, pair_sentences
from convexplain.explain.wording import counted
from convexplain.text.visible import one_line
from convexplain.types import Attribution, Conversation, Unit

_BAR = 10  # characters of the longest bar
_SMALL = 0.05  # of the largest: what parts of a turn have to do to be listed
_LEAST = 1e-9
_MOST = 200  # characters of a unit that are shown
_TURNS = 40  # turns that are listed; of more, those that do most
_SIGNS = "+ raises the score, - lowers it, ~ no more than the judge's noise"
_RAISES, _LOWERS = "on dark_blue", "on dark_orange3"  # told apart by colour-blind people too, and said in signs


def show_attributions(
    console: Console, conversation: Conversation, attributions: Sequence[Attribution], threshold: float, trust: str
) -> None:
    """Show one turn's attributions: a line that says what is explained, then the conversation with what each turn does.

    `+` and `-` say whether a unit raises or lowers the score, the number what the score would be without it; `~` marks
    what may well be noise, and `*` what joint attribution chose. Pairs that count together follow in sentences.
    """
    coarsest = attributions[0]
    where = f"{conversation.id}:{coarsest.turn}  {coarsest.rubric} ({trust}), {coarsest.question}, {coarsest.method}"
    target = f', of the target "{_shortened(coarsest.target)}"' if coarsest.target else ""
    head = one_line(f"{where}{target}: ") + " "
    console.print(Text.assemble((head, "bold"), _outcome(attributions, threshold)), soft_wrap=True)
    ranked = attributions[-1:] if attributions[-1].level == "mixed" else attributions
    scale = max(
        (abs(score) for attribution in ranked for score in attribution.scores if score is not None), default=0.0
    )
    if scale > _LEAST or ranked[0].chosen:
        for row in _rows(ranked, scale):
            if isinstance(row, int):
                console.print(_turn_line(conversation, row, coarsest), soft_wrap=True)
            else:
                console.print(_line(conversation, row, scale, console), soft_wrap=True)
        others = ", & only together with other parts" if any(any(level.needs_others) for level in ranked) else ""
        chosen = ", * chosen together" if any(level.chosen for level in ranked) else ""
        console.print(Text(f"  {_SIGNS}{others}{chosen}", style="dim"), soft_wrap=True)
    if pairs := pair_sentences(conversation, ranked):
        console.print(Text(f"  {PAIRS_HEADING}:"), soft_wrap=True)
    for sentence in pairs:
        console.print(Text(f"    {one_line(sentence)}"), soft_wrap=True)
    for note in dict.fromkeys(note for attribution in attributions for note in attribution.notes):
        if note not in (NOISE_ASSUMED, NOTHING_TO_ATTRIBUTE):
            console.print(Text(f"  note: {one_line(note)}"), soft_wrap=True)


def _outcome(attributions: Sequence[Attribution], threshold: float) -> str:
    coarsest, last = attributions[0], attributions[-1]
    if not coarsest.units and len(attributions) == 1:
        return NOTHING_TO_ATTRIBUTE
    calls = counted(sum(attribution.calls for attribution in attributions), "call")
    if coarsest.full is None:
        return "not attributed"
    if coarsest.score is None:
        return f"{coarsest.scalarizer} {coarsest.full:.3f}, {calls}"
    without = coarsest.value_of(coarsest.baseline)
    alone = "" if without is None else f", {without:.2f} without all turns before it"
    together = ""
    joint = last if last.level == "mixed" else coarsest
    if joint.chosen and joint.drop is not None:
        named = ", ".join(str(joint.units[i].turn) for i in joint.chosen)
        kind = "units" if joint.level == "mixed" else f"{joint.level}s"
        what = f"turns {named}" if joint.level == "turn" else f"{len(joint.chosen)} {kind} (*)"
        value = joint.value_of(coarsest.full - joint.side * joint.drop)
        together = f", {value:.2f} without {what} together"
    return f"{coarsest.score:.2f} (threshold {threshold:g}){alone}{together}, {calls}"


@dataclass(frozen=True, slots=True)
class _Row:
    """A unit that is shown: its attribution, its number there, and how deep it is indented."""

    attribution: Attribution
    number: int
    depth: int


def _rows(attributions: Sequence[Attribution], scale: float) -> Iterator[_Row | int]:
    """Yield the units in the order of the text, each before its parts; before parts of a turn that is none its index.

    Of the coarsest level those are listed that do most, of finer ones those that do something.
    """
    listed = {0: _largest(attributions[0])}
    for level, attribution in enumerate(attributions[1:], 1):
        large = {i for i, score in enumerate(attribution.scores) if score is not None and abs(score) >= _SMALL * scale}
        listed[level] = large | set(attribution.chosen)
    in_order = sorted(
        (unit.turn, unit.start, -unit.end, level, i)
        for level, attribution in enumerate(attributions)
        for i, unit in enumerate(attribution.units)
    )
    around: list[Unit] = []  # the units that hold the one at hand, the coarsest first
    headed = -1
    for turn, *_, level, i in in_order:
        unit = attributions[level].units[i]
        while around and not _within(unit, around[-1]):
            around.pop()
        if around and (unit.start, unit.end) == (around[-1].start, around[-1].end):
            continue
        if i in listed[level]:
            if headed != turn and unit.level != "turn":
                yield turn
            headed = turn
            in_turn = unit.level == "turn" or (around and around[0].level == "turn")
            yield _Row(attributions[level], i, len(around) + (not in_turn))
        around.append(unit)


def _largest(attribution: Attribution) -> set[int]:
    ordered = sorted(range(len(attribution.units)), key=lambda i: -abs(attribution.scores[i] or 0.0))
    return set(ordered[:_TURNS]) | set(attribution.chosen)


def _within(unit: Unit, outer: Unit) -> bool:
    return unit.turn == outer.turn and outer.start <= unit.start < outer.end


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]} …"


def _turn_line(conversation: Conversation, turn: int, coarsest: Attribution) -> Text:
    """The line before the parts of a turn that is not listed as a unit, with what the whole turn does if that is known.

    One that is divided in a mixed ranking can matter as a whole where none of its parts does, if one of them is enough.
    """
    reply = " (the reply)" if turn == coarsest.turn else ""
    outcome = ""
    for i, unit in enumerate(coarsest.units):
        score = coarsest.scores[i]
        if unit.turn == turn and unit.level == "turn" and score is not None:
            noise = ", no more than the judge's noise" if coarsest.noisy[i] else ""
            outcome = f": {coarsest.scores_without[i]:.2f} without the whole turn{noise}"
    return Text(f"  turn {turn} {conversation.turns[turn].role}{reply}{outcome}")


def _line(conversation: Conversation, row: _Row, scale: float, console: Console) -> Text:
    attribution, i = row.attribution, row.number
    unit, score = attribution.units[i], attribution.scores[i]
    turn = conversation.turns[unit.turn]
    name = f"turn {unit.turn} {turn.role}" if unit.level == "turn" else f"{'  ' * row.depth}{unit.level}"
    text = one_line(unit.of(turn.content))
    text = _shortened(text)
    if score is None:
        return Text(f"  {name:<20} ?                              {text}")
    without = attribution.scores_without[i]
    sign = " " if abs(score) < _LEAST else "+" if score > 0 else "-"
    large = abs(score) > _SMALL / _BAR * scale and not attribution.noisy[i]  # a bar would look like an effect
    bar = "█" * max(1, round(_BAR * abs(score) / scale)) if large else ""
    chosen = "*" if i in attribution.chosen else " "
    marks = chosen + ("~" if attribution.noisy[i] else "&" if attribution.needs_others[i] else " ")
    style = ""
    if console.is_terminal and not console.no_color and not attribution.noisy[i]:
        style = _RAISES if score > 0 else _LOWERS
    return Text.assemble(f"  {name:<20}{marks}{sign} {without:5.2f} without  {bar:<{_BAR}} ", (text, style))
