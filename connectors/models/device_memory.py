"""Batches that fit into the memory of a device, and errors that say that it is too small."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def batches(items: Sequence[T], size: Callable[[T], int], limit: int) -> list[list[T]]:
    """Return the items in order, in groups whose size, padded to that of the largest item, is at most `limit`."""
    groups: list[list[T]] = []
    largest = 0
    for item in items:
        largest = max(largest, size(item))
        if groups and largest * (len(groups[-1]) + 1) <= limit:
            groups[-1].append(item)
        else:
            groups.append([item])
            largest = size(item)
    return groups


def out_of_memory(error: RuntimeError) -> bool:
    """Return whether an error says that the memory of the device, or of this machine, does not suffice."""
    import torch

    message = str(error).lower()
    phrases = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
    return isinstance(error, torch.OutOfMemoryError) or any(phrase in message for phrase in phrases)


def empty_cache() -> None:
    """Release the unused memory of an accelerator."""
    import torch

    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
