"""A tree of token sequences whose common beginnings are kept once, with what was computed for them.

Plain data: no model runs here. What is kept for a node is a list of tensors (keys and values of each layer) whose
second dimension are the node's tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

WORTH_SHARING = 16  # tokens; a shorter common beginning is cheaper to compute twice than to look after


@dataclass(eq=False, slots=True)
class Node:
    """Some tokens that follow those of its parent.

    Attributes:
        kept: for each layer keys and values, (heads, tokens, width) each; empty until they are computed.
        start: tokens before this node.
        used: number of the last call that used it.
    """

    tokens: Sequence[int]
    parent: "Node | None" = None
    kept: list["torch.Tensor"] = field(default_factory=list)
    children: list["Node"] = field(default_factory=list)
    start: int = 0
    used: int = 0

    @property
    def end(self) -> int:
        """Tokens up to the end of this node."""
        return self.start + len(self.tokens)

    @property
    def size(self) -> int:
        """Bytes that are kept for it."""
        return sum(tensor.nbytes for tensor in self.kept)

    def path(self) -> "list[Node]":
        """From the first tokens to this node, without the empty root."""
        found = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            found.append(node)
            node = node.parent
        return found[::-1]


class PrefixTree:
    """Prompts of many calls, what they have in common kept once; the least recently used is dropped first."""

    def __init__(self) -> None:
        self._root = Node(())
        self._call = 0

    def next_call(self) -> None:
        """What is inserted from now on is in use, and what was inserted before is no longer."""
        self._call += 1

    def insert(self, ids: Sequence[int]) -> Node:
        """A new leaf at the end of `ids` with at least their last token; what stands before it may be known already."""
        node, at = self._root, 0
        while True:
            child, shared = self._longest(node, ids, at)
            if child is None or (shared < len(child.tokens) and shared < WORTH_SHARING):
                break
            node = child if shared == len(child.tokens) else self._split(child, shared)
            at += shared
        leaf = Node(ids[at:], node, start=at)
        node.children.append(leaf)
        for passed in leaf.path():
            passed.used = self._call
        return leaf

    def remove(self, leaf: Node) -> None:
        """Takes a leaf out."""
        if leaf.parent is not None:
            leaf.parent.children.remove(leaf)

    def shrink(self, limit: int) -> None:
        """Drops what was not used by this call, least recently used first, until at most `limit` bytes are kept."""
        nodes = list(self._nodes())
        total = sum(node.size for node in nodes)
        leaves = [node for node in nodes if not node.children]
        while total > limit:
            unused = [leaf for leaf in leaves if leaf.used < self._call]
            if not unused:
                return
            oldest = min(unused, key=lambda leaf: leaf.used)
            leaves.remove(oldest)
            total -= oldest.size
            self.remove(oldest)
            if oldest.parent is not None and oldest.parent.parent is not None and not oldest.parent.children:
                leaves.append(oldest.parent)

    def clear(self) -> None:
        """Forgets everything."""
        self._root = Node(())

    def _nodes(self) -> Iterator[Node]:
        waiting = list(self._root.children)
        while waiting:  # not recursive: a conversation of a thousand turns makes a path of a thousand nodes
            node = waiting.pop()
            yield node
            waiting += node.children

    @staticmethod
    def _longest(node: Node, ids: Sequence[int], at: int) -> tuple[Node | None, int]:
        """The child that shares most with what follows in `ids`, its last token excepted, and how much."""
        best, most = None, 0
        for child in node.children:
            shared = common(child.tokens, ids[at : min(len(ids) - 1, at + len(child.tokens))])
            if shared > most:
                best, most = child, shared
        return best, most

    @staticmethod
    def _split(node: Node, length: int) -> Node:
        """Cuts a node in two; the same object remains the lower one. Returns the upper one."""
        parent = node.parent
        assert parent is not None  # the root holds no tokens, so nothing in it is ever split
        first = [tensor[:, :length].clone() for tensor in node.kept]
        second = [tensor[:, length:].clone() for tensor in node.kept]
        upper = Node(node.tokens[:length], parent, first, [node], node.start, node.used)
        parent.children[parent.children.index(node)] = upper
        node.tokens, node.parent, node.start, node.kept = node.tokens[length:], upper, node.start + length, second
        return upper


def waves(leaves: Sequence[Node]) -> list[list[Node]]:
    """The nodes without keys and values on the leaves' paths; those of one wave depend on earlier waves only."""
    found: list[list[Node]] = []
    seen: set[Node] = set()
    for leaf in leaves:
        missing = [node for node in leaf.path() if not node.kept]
        for depth, node in enumerate(missing):
            if node not in seen:
                seen.add(node)
                if depth == len(found):
                    found.append([])
                found[depth].append(node)
    return found


def common(left: Sequence[int], right: Sequence[int]) -> int:
    """Length of the common beginning."""
    size = min(len(left), len(right))
    if left[:size] == right[:size]:
        return size
    low, high = 0, size  # the beginnings of length `low` are equal, those of length `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low


def past(paths: Sequence[Sequence[Node]], length: int) -> Any:
    """The keys and values of the paths as one cache, each padded on the left to `length`."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    cache = DynamicCache()
    kept = next((path[0].kept for path in paths if path), [])
    rows = len(paths)
    if rows > 1 and paths[0] and all(path and path[-1] is paths[0][-1] for path in paths):
        paths = paths[:1]  # all follow the same: nothing is copied for each of them
    padded = [part.new_zeros((len(paths), part.shape[0], length, part.shape[2])) for part in kept]
    for row, path in enumerate(paths):
        at = length - (path[-1].end if path else 0)
        for node in path:
            for part, tensor in zip(padded, node.kept, strict=True):
                part[row, :, at : at + len(node.tokens)] = tensor
            at += len(node.tokens)
    for keys, values in zip(padded[::2], padded[1::2], strict=True):
        layer = DynamicLayer()  # type: ignore[no-untyped-call]
        layer.lazy_initialization(keys, values)
        # Its own `update` would copy them.
        layer.keys, layer.values = keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1)
        cache.layers.append(layer)
    return cache
