"""Widgets whose values live in the page's address, so that links, reloading and the browser's Back keep them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from . import address


@dataclass(frozen=True, slots=True)
class AddressForm:
    """Widgets for some parameters of the address.

    Attributes:
        name: of the form, for Streamlit.
        parameters: those that its widgets show.
        reset: parameters that a change of any widget removes, as the page of a list.
    """

    name: str
    parameters: tuple[str, ...]
    reset: tuple[str, ...] = ("page",)

    @property
    def version(self) -> int:
        """Return a number that changes whenever a parameter is set elsewhere than in the form.

        Widgets whose keys have it begin again with the current values: those of a closed popover return old values,
        and tables keep a clicked row.
        """
        return int(st.session_state.get(f"{self.name}-version", 0))

    def renew(self) -> None:
        """Begin again with the values of the address where it was changed elsewhere; called before the widgets."""
        if st.session_state.get(f"{self.name}-state") != self._state():
            st.session_state[f"{self.name}-version"] = self.version + 1
            self._remember()

    def widget(
        self,
        kind: Callable[..., Any],
        label: str,
        parameter: str,
        current: Any,
        to_parameter: Callable[[Any], address.Parameter],
        *,
        of: str = "value",
        **options: Any,
    ) -> Any:
        """Show a widget of Streamlit, and return its value.

        Args:
            kind: the function that shows it.
            label: its label.
            parameter: its parameter of the address.
            current: the value of the address.
            to_parameter: turns a value into a parameter; None where the address needs none.
            of: the name under which the function takes its first value.
            options: of the function.
        """
        key = f"{self.name}-{parameter}-{self.version}"

        def changed() -> None:
            address.write(**{parameter: to_parameter(st.session_state[key])}, **dict.fromkeys(self.reset))
            self._remember()  # changed in the form: its widgets stay

        # The first value stays the same as long as the widget does.
        first = st.session_state.setdefault(f"{key}-first", current)
        return kind(label, key=key, on_change=changed, **{**options, of: first})

    def _remember(self) -> None:
        st.session_state[f"{self.name}-state"] = self._state()

    def _state(self) -> Mapping[str, Sequence[str]]:
        return {name: st.query_params.get_all(name) for name in self.parameters}
