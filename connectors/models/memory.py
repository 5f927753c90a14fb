"""What fits into memory at once, and what to do where it did not."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def batches(items: Sequence[T], size: Callable[[T], int], limit: int) -> list[list[T]]:
    """The items in order, in groups whose size, padded to that of the largest item, is at most `limit`."""
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
    """Whether it says that the memory of the device, or of this machine, does not suffice."""
    import torch

    said = str(error).lower()
    known = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
    return isinstance(error, torch.OutOfMemoryError) or any(words in said for words in known)


def empty_cache() -> None:
    """Gives back what an accelerator's memory has free."""
    import torch

    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
