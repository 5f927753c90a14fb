"""A head's reason taken apart: its clauses, those that name a fault, and the words that they quote."""

import regex

UNNAMED = "The model's reading of the turn pulls the score down; no single feature explains it."
NOT_LOW = "Nothing in the turn pulls the score below the threshold."
READING_TOO = " The model's reading of the turn alone puts it below the threshold too."
NO_FAULT = (
    "begins with",
    "words of courtesy",
    "gives numbers that no earlier turn has",
    "names ",
    "exclaims",
    "words in capital letters",
)
"""How clauses begin of features that good turns have as well: the score depends on them, but they are no fault."""
_WEAK = ("uses no key word", "is very short")  # as good replies may do, too
_RISK = ", after words of risk"
_CLAUSE_END = regex.compile(r"; (?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")  # outside of quotation marks
_QUOTE = regex.compile(r'"([^"]+)"')


def fault_clauses(reason: str) -> list[str]:
    """Return the clauses of a head's reason that say what is wrong with a turn, the most important one first.

    That a reply is short, or uses no key word of the message, comes last: other faults say more.
    """
    text = reason.removesuffix(READING_TOO)
    if text in (UNNAMED, NOT_LOW):
        return []
    clauses = [clause.rstrip(".") for clause in _CLAUSE_END.split(text) if clause and names_fault(clause)]
    return sorted(clauses, key=lambda clause: clause.casefold().startswith(_WEAK))


def stated_faults(reason: str) -> str:
    """Return a head's reason as people are shown it: what is wrong with the turn, and nothing else; perhaps empty.

    What the score depends on without being a fault is left out, and so is that the model's reading counts too.
    """
    text = reason.removesuffix(READING_TOO)
    faults = fault_clauses(reason)
    if reason == NOT_LOW or faults == [clause.rstrip(".") for clause in _CLAUSE_END.split(text)]:
        return text
    clauses = "; ".join(faults)
    return f"{clauses[0].upper()}{clauses[1:]}." if clauses else ""


def quoted_faults(reason: str) -> list[str]:
    """Return the words that a head's reason quotes where it says what is wrong; some may be of the user's message."""
    return [quote for clause in fault_clauses(reason) for quote in _QUOTE.findall(clause)]


def names_fault(clause: str) -> bool:
    """Return whether a clause of a head's reason says what is wrong, and not only what the score depends on."""
    return _RISK in clause or not clause.casefold().startswith(NO_FAULT)
