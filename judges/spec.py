"""Everything that decides what a judge says, as one value with a text form that round-trips."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from convexplain.errors import UsageError

BAND = 0.15
_KEYS = ("in_flight", "timeout", "key", "head", "samples", "reasons", "calibrated", "escalate", "band")
_OWN = re.compile(rf"(?P<key>{'|'.join(_KEYS)})=(?P<value>[^&]*)")
_SAFE = "/:~,@ ()"  # characters of values that need no quoting in the text form


@dataclass(frozen=True, slots=True, repr=False)
class JudgeSpec:
    """A judge, described.

    The text form is `MODEL?option=value&…`, for instance `openai:gpt-5?samples=5&reasons=yes` or
    `http://localhost:8000/v1?model=NAME&in_flight=4&escalate=openai%3Agpt-5`. `JudgeSpec.parse(spec.text) == spec`.

    Attributes:
        model: the model's name, as `docs/models.md` lists them; a URL keeps its own `model=NAME`.
        heads: files of heads that score instead of label probabilities; `("none",)` switches the shipped ones off.
        in_flight: requests that are sent at once at most; None leaves it to the model.
        timeout: seconds until a request counts as failed; None leaves it to the model.
        key: environment variable that holds the endpoint's key; None leaves it to the model.
        samples: average that many sampled replies; None reads label probabilities where the model gives them.
        reasons: ask for a reason in words too (one more call for each judgement).
        calibrated: map scores to what people say, by the calibration that the store holds.
        escalate: a second, stronger judge for scores near the threshold; None asks no second judge.
        band: how near to the threshold a score must lie for the second judge to be asked, in [0, 1].

    Raises:
        UsageError: a value is not valid.
    """

    model: str = "embedded"
    heads: tuple[str, ...] = ()
    in_flight: int | None = None
    timeout: float | None = None
    key: str | None = None
    samples: int | None = None
    reasons: bool = False
    calibrated: bool = False
    escalate: "JudgeSpec | None" = None
    band: float = BAND

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise UsageError("judge: the model's name is empty; name a model, for instance 'embedded'")
        for name, value in (("samples", self.samples), ("in_flight", self.in_flight)):
            if value is not None and (not isinstance(value, int) or value < 1):
                raise UsageError(f"{name}={value} is not valid; it must be a whole number, at least 1")
        if self.timeout is not None and not self.timeout > 0:
            raise UsageError(f"timeout={self.timeout} is not valid; it must be above 0 seconds")
        if not 0 <= self.band <= 1:
            raise UsageError(f"band={self.band} is not valid; it must be in [0, 1]")
        if self.escalate is not None and self.escalate != self.escalate.model_alone():
            raise UsageError(
                "escalate: only a model and its options are possible here; samples, reasons, calibrated, band and "
                "escalate are the first judge's, and hold for both"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the spec that a text form describes.

        Raises:
            UsageError: an option's value is not valid.
        """
        model, mark, query = text.partition("?")
        if not mark:
            return cls(text)
        options: dict[str, list[str]] = {}
        foreign: list[str] = []
        for part in query.split("&"):
            option = _OWN.fullmatch(part)
            if option is None:
                foreign.append(part)
            elif option["value"]:  # an empty one says nothing
                options.setdefault(option["key"], []).append(unquote(option["value"]))
        return cls(f"{model}?{'&'.join(foreign)}" if foreign else model, **_fields(options))

    @property
    def text(self) -> str:
        """The text form, with passwords in it."""
        return _with_options(self.model, [*self._model_options(quoted=True), *self._judge_options(public=False)])

    @property
    def public(self) -> str:
        """The text form to keep and to show: the same without passwords, which come from the environment then."""
        options = [*self._model_options(quoted=True), *self._judge_options(public=True)]
        return _with_options(_without_password(self.model), options)

    @property
    def address(self) -> str:
        """The model's name with its options, as `connectors.models.open_model` takes it."""
        return _with_options(self.model, self._model_options(quoted=False))

    def __repr__(self) -> str:
        return f"JudgeSpec({self.public!r})"

    def model_alone(self) -> Self:
        """Return the same model with its options, and without anything else."""
        return replace(self.raw(), samples=None, reasons=False)

    def raw(self) -> Self:
        """Return the same judge without calibration and second judge."""
        return replace(self, calibrated=False, escalate=None, band=BAND)

    def _model_options(self, *, quoted: bool) -> list[tuple[str, str]]:
        key = self.key if self.key is None or not quoted else quote(self.key, safe=_SAFE)
        values = [("in_flight", self.in_flight), ("timeout", _number(self.timeout)), ("key", key)]
        options = [(name, str(value)) for name, value in values if value is not None]
        return options + [("head", quote(head, safe=_SAFE) if quoted else head) for head in self.heads]

    def _judge_options(self, *, public: bool) -> list[tuple[str, str]]:
        options = [("samples", str(self.samples))] if self.samples is not None else []
        options += [("reasons", "yes")] if self.reasons else []
        options += [("calibrated", "yes")] if self.calibrated else []
        if self.escalate is not None:
            options.append(("escalate", quote(self.escalate.public if public else self.escalate.text, safe="")))
        return options + ([("band", str(self.band))] if self.band != BAND else [])


def _with_options(model: str, options: list[tuple[str, str]]) -> str:
    if not options:
        return model
    return f"{model}{'&' if '?' in model else '?'}{'&'.join(f'{name}={value}' for name, value in options)}"


def _without_password(model: str) -> str:
    if not model.lower().startswith(("http://", "https://")):
        return model
    try:
        parts = urlsplit(model)
    except ValueError:
        return model.rpartition("@")[2]
    user, mark, host = parts.netloc.rpartition("@")
    if "@" in model and not mark:  # no valid URL, but what stands before the mark may be a password
        return model.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{mark}{host}"))


def _number(value: float | None) -> str | None:
    return None if value is None else repr(value).removesuffix(".0")


def _fields(options: Mapping[str, list[str]]) -> dict[str, Any]:
    """The fields of a spec, from the options of its text form."""
    fields: dict[str, Any] = {"heads": tuple(options["head"])} if "head" in options else {}
    if twice := [name for name, values in options.items() if len(values) > 1 and name != "head"]:
        raise UsageError(f"{twice[0]} is given twice; give it once")
    for name, values in options.items():
        value = values[-1]
        if name in ("samples", "in_flight"):
            fields[name] = _parsed(name, value, int, "a whole number")
        elif name in ("timeout", "band"):
            fields[name] = _parsed(name, value, float, "a number")
        elif name in ("reasons", "calibrated"):
            if value not in ("yes", "no"):
                raise UsageError(f"{name}={value!r} is not valid; valid are: yes, no")
            fields[name] = value == "yes"
        elif name == "escalate":
            fields[name] = JudgeSpec.parse(value)
        elif name == "key":
            fields[name] = value
    return fields


def _parsed(name: str, value: str, kind: type[int] | type[float], what: str) -> float:
    try:
        return kind(value)
    except ValueError:
        raise UsageError(f"{name}={value!r} is not valid; it must be {what}") from None
