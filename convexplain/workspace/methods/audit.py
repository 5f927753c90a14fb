"""The audit log: who did what."""

from convexplain.errors import UsageError
from convexplain.store.audit import AuditEvent, audit_events

from .base import StoreMethods


class AuditMethods(StoreMethods):
    """The audit log of a store."""

    async def audit_log(self, limit: int = 100) -> list[AuditEvent]:
        """Return what people did on the dashboard's pages, and which runs were deleted or redacted, the newest first.

        Args:
            limit: so many events at most.

        Raises:
            UsageError: the limit is not valid.
        """
        if limit < 1:
            raise UsageError(f"limit={limit} is not valid; it must be at least 1")
        return audit_events(self.store, limit)
