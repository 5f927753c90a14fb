"""Sentences with which a head's reason says that it names nothing, or that there is more than it names."""

UNNAMED = "The model's reading of the turn pulls the score down; no single feature explains it."
NOT_LOW = "Nothing in the turn pulls the score below the threshold."
READING_TOO = " The model's reading of the turn alone puts it below the threshold too."
