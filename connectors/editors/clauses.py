"""A sentence without one of its clauses or phrases, where it stays a sentence without it. Pure functions.

There is no parser here: English clauses are known by the words that begin them, Chinese and Japanese ones by their
punctuation. Where it is not clear that a sentence remains, nothing is taken out.
"""

from collections.abc import Iterator
from itertools import pairwise

import regex

from convexplain.text.segmentation import segment

from .mending import is_balanced, with_capital

_ENGLISH = regex.compile(
    r"(?i)\b(?:the|is|are|you|to|of|and|it|we|that|for|your|i|have|can|this|with|be|not|my|if|at|please|do|but|or|he|she|they)\b"
)
_WORD = regex.compile(r"[\w'’-]+")
_END = regex.compile(r"[.!?…。！？]*['\"”’)\]*_」』）]*\s*$")
_PARENTHESES = regex.compile(r"(?<=\s)\((?:[^()\n]{2,200})\)(?=[\s.,;:!?]|$)\s?|（[^（）\n]{1,200}）")
_CONJUNCTION = regex.compile(
    r"(?i)(?:and|but|or|because|although|(?:even )?though|whereas|unless|so(?! that| far)|so that|if|when|whenever"
    r"|while|until|till|before|after|since|once|as soon as|as long as|rather than|in order to)\b"
)
_RELATIVE = regex.compile(r"(?i)(?:which|who|whose|where|whom)\b")
_COORDINATING = regex.compile(r"(?i)(?:but|and|so|or)\s+")
_SUBJECT = regex.compile(
    r"(?i)(?:I|we|you|he|she|it|they|this|that|there|these|those|the|an?|my|our|your|his|her|their|please(?!,))\b"
)
_NEW_QUESTION = regex.compile(
    r"(?i)(?:(?:do|does|did|is|are|can|could|would|will|have|has) (?:I|we|you|he|she|it|they|there)"
    r"|(?:what|how|why|where|when|who)(?:['’]s| (?:is|are|do|does|did|can|would|about)))\b"
)
_SUBORDINATE_START = regex.compile(
    r"(?i)(?:if|when|whenever|while|because|although|though|since|unless|until|once|as|after|before|even|whether|despite"
    r"|in|on|at|by|for|from|with|without|to|of|during|about|instead|due|given|regarding|based|according|apart|besides)\b"
)
_INTRODUCTION = regex.compile(
    r"(?i)(?:however|also|unfortunately|fortunately|sadly|luckily|actually|honestly|frankly|basically|generally|usually"
    r"|finally|first|second|third|then|next|additionally|furthermore|moreover|therefore|thus|otherwise|similarly|overall"
    r"|well|yes|no|yeah|sure|oh|ok|okay|absolutely|certainly|definitely|great|sorry|so|anyway|of course|i see|thanks"
    r"|thank you)\b"
)
_VERB = regex.compile(
    r"(?i)\b(?:is|are|was|were|am|be|has|have|had|do|does|did|can|could|will|would|shall|should|may|might|must|cannot"
    r"|please|let)\b|\w(?:n['’]t|['’](?:s|re|m|ll|ve|d))\b|\b(?:I|you|we|they|he|she|it)\s+\w"
)
_OPEN_PAIR = regex.compile(r"(?i)\b(?:between|both|either|neither|not only|whether)\b")
_HANGING = regex.compile(
    r"(?i)\b(?:a|an|the|of|to|in|on|at|by|for|from|with|and|or|but|as|than|that|is|are|was|were|be|my|your|our|its|their"
    r"|very|so|just|even|only|if|i|we|they|he|she|such|not|really|quite|cannot|nt|\w*n['’]t)$"
)
_COMPLEMENT = regex.compile(  # what follows belongs to these words: "tell me when", "the day after", "look after"
    r"(?i)\b(?:(?:tell|ask|show) (?:me|us|him|her|them|you)|days?|weeks?|months?|years?|nights?|mornings?|hours?"
    r"|minutes?|right|just|soon|shortly|long|look(?:s|ing|ed)?)$"
)
_COMPLEMENT_START = regex.compile(r"(?i)(?:when|where|if|whether|who|before|after|until|since)\b")
_DANGLING = regex.compile(r"(?:\s*[,;—–]|\s+-)*\s*$")
_QUESTION = regex.compile(
    r"(?i)(?:what|who|why|how|when|where|which|whose|is|are|was|were|do|does|did|can|could|will|would|should|have|has|had"
    r"|may|shall|am|isn['’]t|aren['’]t|don['’]t|doesn['’]t|didn['’]t|can['’]t|won['’]t)\b"
)
_COMMA = regex.compile(r"[,;，；]\s*$")
_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
_HAN = regex.compile(r"\p{Han}")
_CJK_COORDINATING = regex.compile(r"(?:但是|不过|可是|但|所以|因此|而且|并且|然后|那么)(?=\p{Han})")
_CJK_SUBORDINATE = regex.compile(
    r"(?:如果|要是|因为|由于|虽然|尽管|当|为了|对于|关于|既然|只要|只有|无论|除了|随着|根据|按照|在|首先|其次|另外|此外|例如|比如)"
)
_FEWEST, _FEWEST_CJK = 3, 4  # words, or characters, that must remain


def without_clauses(sentence: str) -> list[str]:
    """Return the sentence without one clause or phrase, for each of which a sentence remains; longest one first.

    White space around the sentence stays as it is.
    """
    core = sentence.strip()
    if not core or "\n" in core:
        return []
    lead = sentence[: len(sentence) - len(sentence.lstrip())]
    tail = sentence[len(lead) + len(core) :]
    texts = map(with_capital, _proposals(core)) if core[0].isupper() else _proposals(core)
    shorter = {text: len(core) - len(text) for text in texts if _remains(text, core)}
    return [lead + text + tail for text in sorted(shorter, key=lambda text: -shorter[text])]


def is_english(text: str) -> bool:
    """Return True where enough of the words are common English ones."""
    words = _WORD.findall(text)
    return 5 * len(_ENGLISH.findall(text)) >= len(words) > 0


def _proposals(core: str) -> Iterator[str]:
    for match in _PARENTHESES.finditer(core):
        yield _mended(core[: match.start()], core[match.end() :])
    phrases = [unit.of(core) for unit in segment(core, "phrase")]
    if _KANA.search(core):
        yield from _japanese(phrases)
    elif _HAN.search(core):
        yield from _chinese(phrases, core)
    elif is_english(core):
        yield from _english(phrases, core)


def _english(phrases: list[str], core: str) -> Iterator[str]:
    ending = _END.search(core)
    stop = ending[0] if ending else ""
    for i in range(1, len(phrases)):
        head, tail = "".join(phrases[:i]), "".join(phrases[i:])
        if _ends_well(head, tail, phrases[:i]):
            yield _DANGLING.sub("", head) + _stop_for(head, tail, stop)
        if (start := _start_of(head, tail)) is not None:
            yield start
    for i, (before, phrase) in enumerate(pairwise(phrases[:-1]), 1):
        aside = _RELATIVE.match(phrase) or _CONJUNCTION.match(phrase) or _INTRODUCTION.match(phrase)
        behind = "".join(phrases[i + 1 :])
        if (
            aside
            and not _COORDINATING.match(phrase)
            and before.rstrip().endswith(",")
            and phrase.rstrip().endswith(",")
        ):
            comma = "" if not _COORDINATING.match(behind) and not _SUBORDINATE_START.match(phrases[0]) else ","
            yield "".join(phrases[:i]).rstrip(", ") + comma + " " + behind


def _ends_well(head: str, tail: str, phrases: list[str]) -> bool:
    """Return True where the sentence may end after `head`."""
    words, bare = _WORD.findall(head), _DANGLING.sub("", head)
    if len(words) < _FEWEST or _HANGING.search(bare) or _OPEN_PAIR.search(head) or bare.endswith(":"):
        return False
    if _COMPLEMENT.search(bare) and _COMPLEMENT_START.match(tail):
        return False
    introductory = _SUBORDINATE_START.match(head) or _INTRODUCTION.match(head)
    if introductory and not (_COMMA.search(phrases[0]) and len(phrases) > 1):
        return False
    comma = bool(_COMMA.search(head)) or head.rstrip().endswith(("—", "–"))
    if _is_list(phrases, tail):
        return False
    if _RELATIVE.match(tail):
        return comma
    if _CONJUNCTION.match(tail):
        return bool(_VERB.search(head)) or len(words) > _FEWEST
    aside = len(phrases) > 1 and (_RELATIVE.match(phrases[-1]) or _CONJUNCTION.match(phrases[-1]))
    return comma and not aside and bool(_VERB.search(head))


def _is_list(phrases: list[str], tail: str) -> bool:
    """Return True where the phrases around seem to be items of a list: "apples, ripe pears, and plums"."""
    last, coordinated = phrases[-1], _COORDINATING.match(tail)
    if coordinated and _SUBJECT.match(tail, coordinated.end()) and _VERB.search(tail):
        return False
    in_row = last.rstrip().endswith(",") and len(phrases) > 1 and phrases[-2].rstrip().endswith(",")
    return in_row and len(_WORD.findall(last)) <= 5 and bool(regex.match(r"(?i)(?:and|or)\b|[\w' -]+,|[\w' -]+$", tail))


def _start_of(head: str, tail: str) -> str | None:
    """Return how the sentence begins without `head`; None where it may not."""
    if not (_COMMA.search(head) or head.rstrip().endswith("—")) or head.rstrip().endswith(":"):
        return None
    coordinated = _COORDINATING.match(tail)
    body = tail[coordinated.end() :] if coordinated else tail
    if len(_WORD.findall(body)) < _FEWEST or _RELATIVE.match(body) or _COORDINATING.match(body):
        return None
    introduced = _SUBORDINATE_START.match(head) or _INTRODUCTION.match(head)
    if _NEW_QUESTION.match(body) and tail.rstrip().endswith("?"):
        return body
    if _SUBJECT.match(body) and (introduced or coordinated or _VERB.search(head)):
        return body if _VERB.search(body) else None
    one_phrase = head.count(",") == 1
    return body if introduced and one_phrase and not coordinated and not _SUBORDINATE_START.match(body) else None


def _stop_for(head: str, tail: str, stop: str) -> str:
    """Return the ending of a sentence whose question is gone, or its old one."""
    if "?" in stop and not _QUESTION.match(head) and not any(_QUESTION.match(part) for part in head.split(", ")):
        return stop.replace("?", ".")
    return stop


def _chinese(phrases: list[str], core: str) -> Iterator[str]:
    ending = _END.search(core)
    stop = ending[0] if ending else ""
    for i in range(1, len(phrases)):
        head, tail = "".join(phrases[:i]), "".join(phrases[i:])
        if not regex.search(r"[，；,;]\s*$", head):
            continue
        if not _CJK_SUBORDINATE.match(head) or i > 1:
            yield head.rstrip("，；,; ") + stop
        body = _CJK_COORDINATING.sub("", tail, count=1)
        yield body


def _japanese(phrases: list[str]) -> Iterator[str]:
    """Yield the sentence without what comes before one of its commas: its verb is at the end."""
    for i in range(1, len(phrases)):
        if regex.search(r"(?:が|ので|ため|たら|れば|けど|けれど|から)、\s*$", phrases[i - 1]):
            yield "".join(phrases[i:])


def _mended(before: str, after: str) -> str:
    """Return both sides of a parenthesis as one sentence."""
    if regex.match(r"[.,;:!?…。，]", after) or not after:
        before = before.rstrip()
    return before + (after.lstrip() if before.endswith(" ") or not before else after)


def _remains(text: str, core: str) -> bool:
    """Return True where the text is a shorter sentence of its own."""
    if text in ("", core) or (is_balanced(core) and not is_balanced(text)):
        return False
    if _HAN.search(core) or _KANA.search(core):
        return len(regex.findall(r"\w", text)) >= _FEWEST_CJK
    return len(_WORD.findall(text)) >= _FEWEST
