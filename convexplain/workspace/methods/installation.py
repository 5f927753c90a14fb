"""The parts and judges that can be used on this machine."""

from ..installation import Installation, inspect_installation
from .base import StoreMethods, default_database


class InstallationMethods(StoreMethods):
    """The parts and judges that can be used on this machine."""

    async def doctor(self) -> Installation:
        """Return which extras are installed, which judges can be reached, and what is missing.

        Registered endpoints are reached (ten seconds each at most), but no model is asked anything, and no store is
        created.
        """
        return await inspect_installation(default_database() if self._db is None else str(self._db))
