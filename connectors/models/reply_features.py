"""Features of a reply from inside a model: the input of heads.

A recipe is `mean@L`, or `mean@L,L,…`: the mean over the reply's tokens of the hidden state after layer L, for each L in
turn. 0 = the embeddings, 1 = the first layer, -1 = the last one, after its norm; 0.6 = at six tenths of the depth.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from convexplain.errors import ModelError

if TYPE_CHECKING:
    from .forward import Forward

_LAYER = r"(?:-?\d{1,4}|0\.\d{1,4})"
_RECIPE = re.compile(rf"mean@{_LAYER}(?:,{_LAYER})*")
_DIGITS = 5  # float32 has seven; two machines agree on about five


def reply_features(
    forward: "Forward", recipes: Sequence[str], pairs: Sequence[tuple[Sequence[int], int]]
) -> list[tuple[float, ...] | ModelError]:
    """Return the features that each recipe asks for, of the tokens `ids[start:]`.

    Args:
        forward: runs the model.
        recipes: one a pair.
        pairs: token ids of prompt and reply, and the index at which the reply begins.

    Returns:
        For each pair the features (layers times the model's width) or an error.
    """
    features: dict[int, tuple[float, ...] | ModelError] = {}
    for recipe in dict.fromkeys(recipes):
        indices = [i for i in range(len(pairs)) if recipes[i] == recipe]
        layers = _layers(recipe, forward.layers)
        if isinstance(layers, ModelError):
            features |= dict.fromkeys(indices, layers)
            continue
        for i, states in zip(indices, forward.states([pairs[i] for i in indices], layers), strict=True):
            if isinstance(states, ModelError):
                features[i] = states
            else:
                means = states.mean(dim=1).flatten().tolist()
                features[i] = tuple(float(f"{value:.{_DIGITS}g}") for value in means)
    return [features[i] for i in range(len(pairs))]


def _layers(recipe: str, count: int) -> list[int] | ModelError:
    if not _RECIPE.fullmatch(recipe):
        return ModelError(f"features={recipe!r} is no recipe; write mean@LAYER, or mean@LAYER,LAYER")
    names = recipe.removeprefix("mean@").split(",")
    layers = [round(float(name) * count) if "." in name else int(name) for name in names]
    if wrong := [layer for layer in layers if not -count - 1 <= layer <= count]:
        return ModelError(f"features={recipe!r}: there is no layer {wrong[0]}; the model has {count}")
    return layers
