"""Vectors of sentences for the editor `swap`: the words that they share, and words that occur with these."""

import numpy as np

VERSION = 1  # of the vectors
_DIMENSIONS = 100


def word_vectors(texts: list[str]) -> list[list[float]]:
    """Return a vector of length 1 (or 0, for a text without words) for each text; a great cosine says: of one subject.

    These are latent semantic vectors: TF-IDF of words and pairs of neighbouring words, reduced to at most 100
    dimensions by a singular value decomposition of these texts. They need no model, and know no synonym that the texts
    do not show.

    Args:
        texts: all texts that are to be compared with each other.
    """
    from sklearn.decomposition import TruncatedSVD  # type: ignore[import-untyped]  # takes a second
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
    from sklearn.preprocessing import normalize  # type: ignore[import-untyped]

    words = r"[\w'’]+"
    try:
        counts = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=words).fit_transform(texts)
    except ValueError:  # no text has a word
        return [[0.0] for _ in texts]
    dimensions = min(_DIMENSIONS, *(size - 1 for size in counts.shape))
    if dimensions < 2:
        return [[float(value) for value in row] for row in counts.toarray()]
    with np.errstate(invalid="ignore"):  # texts that are all the same have no variance to be explained
        reduced = TruncatedSVD(dimensions, random_state=0).fit_transform(counts)
    return [[float(value) for value in row] for row in normalize(reduced)]
