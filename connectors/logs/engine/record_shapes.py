"""Shapes of JSON records: keys and types without texts and numbers. They decide cheaply which formats must be asked.

A format is asked once about the outline of a record, in which every text and number is a blank. Where it answers
without a look at a blank, the answer holds for all records of that shape; where it needs the value, it is asked about
each record.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from .log_format import LogFormat
from .plain_lists import text_keys

_MAX_LENGTH = 64
"""Items of a list, and keys of an object, beyond which a record has no shape."""
_MAX_DEPTH = 6
_MAX_SHAPES = 512
"""Shapes that are remembered."""
_SCALARS = frozenset([str, int, float, type(None)])


class _BlankReadError(BaseException):
    """A look at a blank; no `except Exception` of a format may swallow it."""


class _Blank:
    """A text or a number whose value is not there: it passes for its type, and for nothing else."""

    __slots__ = ("_reads", "_type")

    def __init__(self, type_: type, reads: list[None]) -> None:
        self._type = type_
        self._reads = reads

    def _refuse(self, *_: Any) -> NoReturn:
        self._reads.append(None)
        raise _BlankReadError

    @property  # type: ignore[misc]  # read-only, unlike that of `object`
    def __class__(self) -> Any:  # what `isinstance` asks
        return self._type

    def __getattr__(self, _: str) -> NoReturn:
        self._refuse()

    __bool__ = __hash__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __neg__ = __abs__ = _refuse
    __str__ = __repr__ = __format__ = __int__ = __float__ = __index__ = _refuse


class _Keys(dict[Any, None]):
    """An object whose values are not there, only its keys."""

    def __init__(self, keys: Iterable[Any], reads: list[None]) -> None:
        super().__init__(dict.fromkeys(keys))
        self._reads = reads

    def _refuse(self, *_: Any) -> NoReturn:
        self._reads.append(None)
        raise _BlankReadError

    def get(self, key: Any, default: Any = None) -> Any:
        return self._refuse() if key in self else default

    def __getitem__(self, key: Any) -> Any:
        return self._refuse() if key in self else super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:  # with it, copies of the object go through `__getitem__`
        return super().__iter__()

    items = values = copy = pop = popitem = setdefault = __eq__ = __ne__ = __or__ = __ror__ = _refuse
    __str__ = __repr__ = __format__ = _refuse
    __hash__ = None


class FormatChoice:
    """The choice of the format of a record among formats in the order of their rank.

    Args:
        ranked: the formats; those that read a log only where they are named are passed over.
        foreign: names of the formats of other packages, which are asked about every record.

    Attributes:
        ranked: the formats.
    """

    def __init__(self, ranked: Sequence[LogFormat], foreign: Collection[str]) -> None:
        self.ranked = ranked
        self._formats = [log_format for log_format in ranked if not log_format.only_named]
        self._foreign = foreign
        self._by_keys: dict[Any, Sequence[LogFormat]] = {}
        self._by_shape: dict[Any, tuple[Sequence[LogFormat], LogFormat | None]] = {}

    def format_of(self, record: Any) -> LogFormat | None:
        """Return the first format whose record it is; None where it has none."""
        shape = _shape(record)
        if shape is None:
            return _first(self._candidates_by_keys(record), record)
        choice = self._by_shape.get(shape)
        if choice is None:
            choice = self._choice(record)
            if len(self._by_shape) < _MAX_SHAPES:
                self._by_shape[shape] = choice
        candidates, sure = choice
        return _first(candidates, record) or sure

    def _choice(self, record: Any) -> tuple[Sequence[LogFormat], LogFormat | None]:
        """Return the formats that must be asked about each record of a shape, and the one that surely reads it where
        none of them does.
        """
        candidates: list[LogFormat] = []
        for log_format in self._candidates_by_keys(record):
            verdict = self._verdict(log_format, lambda reads: _outline(record, reads))
            if verdict:
                return candidates, log_format
            if verdict is None:
                candidates.append(log_format)
        return candidates, None

    def _candidates_by_keys(self, record: Any) -> Sequence[LogFormat]:
        """Return the formats that may read a record with its keys."""
        if not isinstance(record, dict) or len(record) > _MAX_LENGTH:
            return self._formats
        keys = tuple(record)
        candidates = self._by_keys.get(keys)
        if candidates is None:
            verdicts = [self._verdict(item, lambda reads: _Keys(keys, reads)) for item in self._formats]
            candidates = [item for item, verdict in zip(self._formats, verdicts, strict=True) if verdict is not False]
            if len(self._by_keys) < _MAX_SHAPES:
                self._by_keys[keys] = candidates
        return candidates

    def _verdict(self, log_format: LogFormat, outline: Callable[[list[None]], Any]) -> bool | None:
        """Return whether a format reads records of an outline; None where it needs the values."""
        if log_format.name in self._foreign:
            return None
        reads: list[None] = []
        try:
            verdict = bool(log_format.is_record(outline(reads)))
        except _BlankReadError:
            return None
        except Exception:  # noqa: BLE001 - as a TypeError of a function that takes texts alone; the record decides
            return None
        return None if reads else verdict


def _first(formats: Iterable[LogFormat], record: Any) -> LogFormat | None:
    for log_format in formats:
        if log_format.is_record(record):
            return log_format
    return None


def _shape(value: Any, depth: int = 0) -> Any:
    """Return the shape of a JSON value; None for one that is too large or too deep."""
    keys: tuple[Any, ...] = ()
    values: Collection[Any] = value
    if isinstance(value, dict):
        keys, values = tuple(value), value.values()
    elif not isinstance(value, list):
        return value if isinstance(value, bool) else type(value)
    if len(value) > _MAX_LENGTH or depth > _MAX_DEPTH:
        return None
    if type(value) is list and (alike := text_keys(value)) and len(alike) <= _MAX_LENGTH:
        return len(value), alike
    types = tuple(map(type, values))
    if _SCALARS.issuperset(types):
        return type(value), keys, types
    shapes = tuple([kind if (kind := type(inner)) in _SCALARS else _shape(inner, depth + 1) for inner in values])
    return None if None in shapes else (type(value), keys, shapes)


def _outline(value: Any, reads: list[None]) -> Any:
    """Return a JSON value with its texts and numbers as blanks."""
    if isinstance(value, dict):
        return {key: _outline(inner, reads) for key, inner in value.items()}
    if isinstance(value, list):
        return [_outline(inner, reads) for inner in value]
    return value if value is None or isinstance(value, bool) else _Blank(type(value), reads)
