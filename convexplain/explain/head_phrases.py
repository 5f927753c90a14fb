"""Sentences with which a head's reason says that it names nothing, and clauses that name no fault."""

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
_RISK = ", after words of risk"


def names_fault(clause: str) -> bool:
    """Return whether a clause of a head's reason says what is wrong, and not only what the score depends on."""
    return _RISK in clause or not clause.casefold().startswith(NO_FAULT)
