"""A tree of token sequences that holds common beginnings once, with their keys and values.

Plain data: no model runs here. A node has a list of tensors (keys and values of each layer) whose second dimension are
the node's tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

WORTH_SHARING = 16  # tokens; a shorter common beginning is cheaper to compute twice than to look after


@dataclass(eq=False, slots=True)
class Node:
    """Tokens that follow those of the parent.

    Attributes:
        tokens: the token ids.
        parent: the node before; None for the root.
        keys_values: for each layer keys and values, (heads, tokens, width) each; empty until they are computed.
        children: the nodes that follow.
        start: tokens before this node.
        used: number of the last call that used it.
    """

    tokens: Sequence[int]
    parent: "Node | None" = None
    keys_values: list["torch.Tensor"] = field(default_factory=list)
    children: list["Node"] = field(default_factory=list)
    start: int = 0
    used: int = 0

    @property
    def end(self) -> int:
        """Return the number of tokens up to the end of this node."""
        return self.start + len(self.tokens)

    @property
    def size(self) -> int:
        """Return the bytes of its keys and values."""
        return sum(tensor.nbytes for tensor in self.keys_values)

    def path(self) -> "list[Node]":
        """Return the nodes from the first tokens to this one, without the empty root."""
        upwards = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            upwards.append(node)
            node = node.parent
        return upwards[::-1]


class PrefixTree:
    """The prompts of many calls, with common beginnings once; the least recently used is dropped first."""

    def __init__(self) -> None:
        self._root = Node(())
        self._call = 0

    def next_call(self) -> None:
        """Begin a call: prompts that are inserted from now on are in use, and earlier ones are not."""
        self._call += 1

    def insert(self, ids: Sequence[int]) -> Node:
        """Return a new leaf at the end of `ids` with at least their last token; the tree may hold those before."""
        node, at = self._root, 0
        while True:
            child, shared = self._longest(node, ids, at)
            if child is None or (shared < len(child.tokens) and shared < WORTH_SHARING):
                break
            node = child if shared == len(child.tokens) else self._split(child, shared)
            at += shared
        leaf = Node(ids[at:], node, start=at)
        node.children.append(leaf)
        for ancestor in leaf.path():
            ancestor.used = self._call
        return leaf

    def remove(self, leaf: Node) -> None:
        """Remove a leaf."""
        if leaf.parent is not None:
            leaf.parent.children.remove(leaf)

    def shrink(self, limit: int) -> None:
        """Drop leaves that this call did not use, least recently used first, until `limit` bytes or less remain."""
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
        """Remove all nodes."""
        self._root = Node(())

    def _nodes(self) -> Iterator[Node]:
        waiting = list(self._root.children)
        while waiting:  # not recursive: a conversation of a thousand turns makes a path of a thousand nodes
            node = waiting.pop()
            yield node
            waiting += node.children

    @staticmethod
    def _longest(node: Node, ids: Sequence[int], at: int) -> tuple[Node | None, int]:
        """Return the child that shares most with `ids[at:]`, without the last token, and the length."""
        best, most = None, 0
        for child in node.children:
            shared = common_length(child.tokens, ids[at : min(len(ids) - 1, at + len(child.tokens))])
            if shared > most:
                best, most = child, shared
        return best, most

    @staticmethod
    def _split(node: Node, length: int) -> Node:
        """Cut a node in two and return the upper part; the same object remains the lower one."""
        parent = node.parent
        assert parent is not None  # the root holds no tokens, so nothing in it is ever split
        first = [tensor[:, :length].clone() for tensor in node.keys_values]
        second = [tensor[:, length:].clone() for tensor in node.keys_values]
        upper = Node(node.tokens[:length], parent, first, [node], node.start, node.used)
        parent.children[parent.children.index(node)] = upper
        node.tokens, node.parent, node.start, node.keys_values = (
            node.tokens[length:],
            upper,
            node.start + length,
            second,
        )
        return upper


def waves(leaves: Sequence[Node]) -> list[list[Node]]:
    """Return the nodes without keys and values on the leaves' paths; those of a wave depend on earlier waves only."""
    by_depth: list[list[Node]] = []
    seen: set[Node] = set()
    for leaf in leaves:
        missing = [node for node in leaf.path() if not node.keys_values]
        for depth, node in enumerate(missing):
            if node not in seen:
                seen.add(node)
                if depth == len(by_depth):
                    by_depth.append([])
                by_depth[depth].append(node)
    return by_depth


def common_length(a: Sequence[int], b: Sequence[int]) -> int:
    """Return the length of the common beginning."""
    size = min(len(a), len(b))
    if a[:size] == b[:size]:
        return size
    low, high = 0, size  # the beginnings of length `low` are equal, those of length `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def padded_cache(paths: Sequence[Sequence[Node]], length: int) -> Any:
    """Return the keys and values of the paths as one cache, each padded on the left to `length`."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    cache = DynamicCache()
    first = next((path[0].keys_values for path in paths if path), [])
    rows = len(paths)
    if rows > 1 and paths[0] and all(path and path[-1] is paths[0][-1] for path in paths):
        paths = paths[:1]  # all follow the same: nothing is copied for each of them
    padded = [part.new_zeros((len(paths), part.shape[0], length, part.shape[2])) for part in first]
    for row, path in enumerate(paths):
        at = length - (path[-1].end if path else 0)
        for node in path:
            for part, tensor in zip(padded, node.keys_values, strict=True):
                part[row, :, at : at + len(node.tokens)] = tensor
            at += len(node.tokens)
    for keys, values in zip(padded[::2], padded[1::2], strict=True):
        layer = DynamicLayer()  # type: ignore[no-untyped-call]
        layer.lazy_initialization(keys, values)
        # Its own `update` would copy them.
        layer.keys, layer.values = keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1)
        cache.layers.append(layer)
    return cache
