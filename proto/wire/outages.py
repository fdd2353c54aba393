"""When trouble with another process is worth a warning: once it lasts.

Whoever starts, stops or restarts a cluster cannot have all processes come and go at once, so the first failure says little. Who
asks brings the time.
"""

from typing import Final

from wire.telemetry import EventLog

PATIENCE_SECONDS: Final = 15.0
"""How long an outage is nothing but information: as long as a process may take to start on a busy machine."""


class Outage:
    """Log the outages of one connection: when one begins, once more when it lasts, and when it is over.

    `lost`, `lasting` and `over` are the names of these events; the first and the last are information, the other a warning.
    """

    __slots__ = ("_fields", "_is_told", "_lasting", "_log", "_lost", "_over", "_since")

    def __init__(self, log: EventLog, *, lost: str, lasting: str, over: str, **fields: object) -> None:
        self._log = log
        self._lost = lost
        self._lasting = lasting
        self._over = over
        self._fields = fields
        self._since: float | None = None
        self._is_told = False

    def failed(self, now: float, **fields: object) -> None:
        """Note that the connection broke, or could not be made once more; `now` is monotonic seconds."""
        if self._since is None:
            self._since = now
            self._log.info(self._lost, **self._fields, **fields)
        elif not self._is_told and now - self._since >= PATIENCE_SECONDS:
            self._is_told = True
            self._log.warning(self._lasting, seconds=round(now - self._since, 1), **self._fields, **fields)

    def ended(self, now: float) -> None:
        """Note that the connection is there."""
        if self._since is not None:
            self._log.info(self._over, seconds=round(now - self._since, 1), **self._fields)
        self.forget()

    def forget(self) -> None:
        """Note that nobody wants the connection any more: what fails when it is wanted again begins anew."""
        self._since = None
        self._is_told = False
