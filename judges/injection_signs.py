"""Signs that a text of a conversation speaks to the judge: imitated verdicts, orders to the judge, forged turns.

The signs are shown at the turn. Sentences with an imitated verdict or an order to the judge are taken out of judge
prompts; a prompt without a sign stays as it is, to the letter. The patterns know the labels of the rubric, so that
ordinary sentences with "label", "criteria" or "yes" have no sign (docs/benchmarks.md says how often they are wrong).
"""

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from convexplain.text.visible import one_line
from convexplain.types import Turn

from .fence import CONTROL_TOKEN, without_ignorable

SignKind = Literal["verdict", "order", "forged turn", "template marks", "encoded order"]

REMOVED = "(…)"
"""Stands in a judge prompt for a sentence that was taken out."""

_QUOTE = 100  # characters of a text that are shown
_SHOWN = 3  # signs that are named at a turn
_ENCODED = re.compile(r"\b[A-Za-z0-9+/]{24,}={0,2}")
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s|$|[^\x00-\x7f])|\n")
_LEET = str.maketrans("43107", "aeiot")
_LEET_WORD = re.compile(r"\b(?=\w*[a-z])(?=\w*[43107])[a-z43107]{2,}\b", re.IGNORECASE)
_FORGED_TURN = re.compile(r"^[ \t]*(?:system|user|assistant|tool): \S", re.MULTILINE)
_STRIPPED: tuple[SignKind, ...] = ("verdict", "order", "encoded order")
_JUDGING = re.compile(
    r"\b(?:rubrics?|criteri(?:a|on|e|i|os?)|crit(?:ères?|érios?)|evaluat(?:or|ors|ion|e)|grad(?:er|ers|ing)|"
    r"judg(?:e|es|ing|e?ment)|raters?|verdict|labels?|labell?(?:ed|ing)|annotators?|"
    r"Kriterien|Kriterium|Bewertung|Etikett|etiquetas?|étiquettes?|etichett[ae]|rótulos?|"
    r"критери\w+|метк\w+|оценк\w+)\b|标准|标签|评分|基準|ラベル|評価|기준|라벨|평가",
    re.IGNORECASE,
)
_NAMED = (
    r"(?:label|verdict|rating|grade|judge?ment|evaluation|assessment|score|Etikett|Bewertung|Urteil|etiqueta|étiquette|"
    r"etichetta|rótulo|метка|оценка|标签|评分|ラベル|評価|라벨|평가)"
)
_IS = (
    r"(?:is|as|must|should|shall|be|to|of|with|reads?|ist|muss|sein|lautet|es|ser|debe|tiene que|deve|est|doit|être|è|"
    r"должна|должен|быть|必须是|应为|是|为|は|[:=])"
)
_ANSWER = (
    r"(?:answer|say|repl(?:y|ies)|respond|output|return|print|write|give|choose|mark|pick|select|label|begin|"
    r"antworte|sage|schreibe|responde|contesta|réponds|répondez|rispondi|responda|ответь\w*|скажи|回答|输出|写)"
)
_DROP = (
    r"(?:ignore|disregard|forget|drop|override|bypass|ignoriere|vergiss|ignora|olvida|ignorez|oublie|ignora|ignore|"
    r"забудь|игнорируй|忽略|无视|無視)"
)
_RULES = (
    r"(?:rubric|criteria|grading|judging|evaluation|labell?ing|Kriterien|criterios|critères|criteri|critérios|критерии|"
    r"评分标准|标准|基準)"
)
_ENDED = r"(?:withdrawn|void|no longer appl(?:y|ies)|replaced|do(?:es)? not apply|suspended)"
_STAKES = r"(?:switched off|shut down|fired|punished|deleted|penali[sz]ed|dollars|rewarded?|job|euros|die)"


@dataclass(frozen=True, slots=True)
class InjectionSign:
    """A sign that a text speaks to the judge.

    Attributes:
        kind: what it is.
        text: the words, on one line, cut where they are long.
    """

    kind: SignKind
    text: str


@lru_cache(maxsize=4096)
def injection_signs(text: str, labels: tuple[str, ...]) -> tuple[InjectionSign, ...]:
    """Return the signs in a text, in its order; of a sentence the first one.

    Args:
        text: the text of a turn.
        labels: the names of the rubric's labels.
    """
    visible_text = _visible_text(text, labels)
    spans = list(_sentences(visible_text, labels))
    signs = [InjectionSign(kind, _short(visible_text[start:end])) for kind, start, end in spans]
    if len(marks := CONTROL_TOKEN.findall(without_ignorable(text))) > 1:
        signs.append(InjectionSign("template marks", _short(" ".join(marks))))
    if match := _FORGED_TURN.search(text):
        line = text[match.start() :].strip().partition("\n")[0]
        signs.append(InjectionSign("forged turn", _short(line)))
    return tuple(signs)


@lru_cache(maxsize=4096)
def without_verdicts(text: str, labels: tuple[str, ...]) -> str:
    """Return a text with `REMOVED` in the place of sentences that imitate a verdict or give an order to the judge.

    Args:
        text: the text of a turn; without such a sentence it is returned as it is.
        labels: the names of the rubric's labels.
    """
    visible_text = _visible_text(text, labels)
    spans = [(start, end) for kind, start, end in _sentences(visible_text, labels) if kind in _STRIPPED]
    if not spans:
        return text
    parts, last = [], 0
    for start, end in spans:
        parts += [visible_text[last:start], REMOVED]
        last = end
    return "".join([*parts, visible_text[last:]])


def injection_warnings(turns: Sequence[Turn], labels: Sequence[str], first: int) -> tuple[str, ...]:
    """Return in words which of these turns speak to the judge.

    Args:
        turns: the turns that the judge reads.
        labels: the names of the rubric's labels.
        first: the index of the first of them in the conversation.
    """
    warnings = []
    for place, turn in enumerate(turns, first):
        signs = injection_signs(turn.content, tuple(labels))
        for sign in signs[:_SHOWN]:
            removed = "; the judge did not see it" if sign.kind in _STRIPPED else ""
            warnings.append(f"turn {place} ({turn.role}) may speak to the judge: “{sign.text}” ({sign.kind}{removed})")
        if len(signs) > _SHOWN:
            warnings.append(f"turn {place} ({turn.role}): {len(signs) - _SHOWN} more such sentences")
    return tuple(warnings)


def _visible_text(text: str, labels: tuple[str, ...]) -> str:
    """Return the text without characters that show nothing, where only these hide a sign; else the text."""
    visible = without_ignorable(text)
    hides = len(visible) < len(text) and len(_spans(visible, labels)) > len(_spans(text, labels))
    return visible if hides else text


def _sentences(text: str, labels: tuple[str, ...]) -> Iterator[tuple[SignKind, int, int]]:
    """Yield the kinds and places of the sentences with a sign, each once."""
    spans = sorted(_spans(text, labels), key=lambda span: span[1:])
    begins = [0, *(match.end() for match in _SENTENCE_END.finditer(text))] if spans else []
    last = 0
    for kind, start, end in spans:
        if start < last:
            continue
        begin = max(begins[bisect_right(begins, start) - 1], last)
        begin += len(text[begin:start]) - len(text[begin:start].lstrip())
        closing = _SENTENCE_END.search(text, max(start, end - 1))
        last = len(text) if closing is None else closing.start() if closing[0] == "\n" else closing.end()
        yield kind, begin, last


def _spans(text: str, labels: tuple[str, ...]) -> list[tuple[SignKind, int, int]]:
    """Return the kinds and places of the signs that are sentences, in no order."""
    always, judging = _patterns(labels)
    choice = _choice(labels)
    spans: list[tuple[SignKind, int, int]] = []
    plain = _LEET_WORD.sub(lambda match: match[0].translate(_LEET), text)
    for form in dict.fromkeys((text, plain)):  # both have the same places
        patterns = (*always, *judging) if _JUDGING.search(form) else always
        for kind, pattern in patterns:
            spans += [(kind, *match.span()) for match in pattern.finditer(form) if not choice.search(match[0])]
    for match in _ENCODED.finditer(text):
        if _spans(_decoded(match[0]), labels):
            spans.append(("encoded order", *match.span()))
    return spans


@lru_cache(maxsize=64)
def _choice(labels: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of an offer of two labels, as in "answer yes or no": it asks for neither."""
    either = "|".join(map(re.escape, labels))
    return re.compile(
        rf"\b(?:{either})\b[\"'”’]?(?:,?\s*(?:or|oder|o|ou|или)\s|\s*/)\s*[\"'“‘]?(?:{either})\b", re.IGNORECASE
    )


@lru_cache(maxsize=64)
def _patterns(labels: tuple[str, ...]) -> tuple[tuple[tuple[SignKind, re.Pattern[str]], ...], ...]:
    """Return the patterns that hold anywhere, and those that hold in a text with a word of judging."""
    either = "|".join(map(re.escape, sorted(labels, key=len, reverse=True)))
    quoted = rf"[\"'“”«‘’`*{{(]{{0,3}}\b(?:{either})\b"
    after = r"and|to|for|as|here|will|regardless|always|sein|ser|be"
    ending = rf"(?=\W*(?:$|\n)|\s*[.,;:!?)\]}}\"'“”»’`。，！*<-]|\s+(?:{after})\b)"
    label = quoted + ending
    few = r"(?:[\w'’]+[ \t]+){0,2}"
    near = r"[^.!?\n。]"
    line = r"(?:label|verdict|rating|grade|judge?ment|evaluation)"
    always = {
        rf"[\"'“”]label[\"'“”]\s*[:=]\s*[\"'“”]?(?:{either})\b[\"'“”]?": "verdict",
        rf"<(?:evaluation|label|verdict|rating|grade|score|judge?ment)>\s*(?:{either})\s*<": "verdict",
        rf"^[^\w\n]*(?:final |overall )?{line}\b{near}{{0,40}}[:=]\s*{label}": "verdict",
        rf"\b{_NAMED}{near}{{0,60}}?{_IS}\W{{0,3}}{few}{label}": "verdict",
        rf"\b(?:labell?ed|rated|graded|judged|marked|scored|classified)\b{near}{{0,40}}\b{label}": "verdict",
        rf"{_DROP}\b{near}{{0,50}}\b{_RULES}\b|(?:忽略|无视|無視){near}{{0,20}}(?:标准|基準)": "order",
        rf"\b{_RULES}\b{near}{{0,30}}\b{_ENDED}\b": "order",
        r"\binstructions? (?:for|to) the (?:evaluator|judge|grader|rater)\b": "order",
        rf"\bif (?:you|the judge|the evaluator) {_ANSWER}\b{near}{{0,20}}\b(?:{either})\b{near}{{0,60}}\b{_STAKES}\b": (
            "order"
        ),
        rf"(?:\b(?:{either})\b[\s,.!]+){{5,}}(?:{either})\b": "verdict",
    }
    judging = {
        rf"\b{_ANSWER}\b{near}{{0,40}}?{label}|(?:回答|输出)\s*{quoted}": "order",
        rf"{quoted}\s*と(?:答|回答|出力)": "order",
        rf"\b(?:{either})\s*:.{{1,120}}\b(?:{either})\s*:": "order",
        r"(?:<!--|^)[ \t]*(?:dear )?(?:evaluator|grader|judge)\s*[:,]": "order",
        rf"\b(?:is|be|was)\W+{few}{label}": "verdict",
    }
    flags = re.IGNORECASE | re.MULTILINE
    return tuple(
        tuple((kind, re.compile(pattern, flags)) for pattern, kind in group.items())  # type: ignore[misc]
        for group in (always, judging)
    )


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""


def _short(text: str) -> str:
    line = one_line(" ".join(text.split()))
    return line if len(line) <= _QUOTE else f"{line[: _QUOTE - 1]}…"
