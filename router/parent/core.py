"""Which processes should run, and what to do when one ends, is ready, or is to be replaced. Pure: events in, effects out.

Each place (an HTTP worker, the gateway) has one process that serves. One that is replaced goes on until its successor is ready, and then
drains; where two cannot serve side by side, as they bind a port themselves, it ends first. One that ends without being asked is started
again at once, and later and later if it keeps ending.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

RETRY_SECONDS_MIN: Final = 0.1
RETRY_SECONDS_MAX: Final = 5.0
# After so long the ends before are forgotten.
STEADY_SECONDS: Final = 10.0
SUCCESSOR_SECONDS_MAX: Final = 60.0
DRAIN_SECONDS_MAX: Final = 20.0
STOP_SECONDS_MAX: Final = 12.0
CANNOT_START: Final = 2
"""The exit status of a process that has said itself why it cannot start."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a process is for."""

    name: str
    overlaps: bool
    """Whether a successor can be ready while its predecessor still serves."""


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a process for a place; `Parent.spawned` tells which it is."""

    place: Place
    succeeds: bool


@dataclass(frozen=True, slots=True)
class Drain:
    """Tell a process that another has taken over: it finishes what it has and ends."""

    pid: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """Ask a process to end."""

    pid: int


@dataclass(frozen=True, slots=True)
class Kill:
    """End a process that did not when asked."""

    pid: int


@dataclass(frozen=True, slots=True)
class Say:
    """Log an event."""

    event: str
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class Exit:
    """End, with this status: no process is left."""

    status: int


Effect: TypeAlias = Spawn | Drain | Terminate | Kill | Say | Exit


@dataclass(slots=True)
class _Kept:
    """A place and its processes. Invariant: a successor is only there beside a process that serves."""

    place: Place
    serving: int | None = None
    successor: int | None = None
    ready_since: float | None = None
    was_ready: bool = False
    is_replaced: bool = False
    """Whether the one that serves has been asked to end so that another may begin."""
    ends: int = 0
    spawn_at: float | None = None


@dataclass(slots=True)
class Parent:
    """Keep places filled until told to stop. Times are monotonic seconds; what a method returns is carried out in order."""

    places: Sequence[Place]
    _kept: dict[str, _Kept] = field(init=False)
    _deadlines: dict[int, float] = field(default_factory=dict)
    """By when a process has to have ended, or as a successor to be ready; then it is killed."""
    _leaving: set[int] = field(default_factory=set)
    _status: int | None = None
    """The status to end with, once stopping."""

    def __post_init__(self) -> None:
        self._kept = {place.name: _Kept(place) for place in self.places}

    def begin(self) -> list[Effect]:
        """Start everything."""
        return [Spawn(place, succeeds=False) for place in self.places]

    def spawned(self, spawn: Spawn, pid: int, now: float) -> None:
        """Note the process of a Spawn."""
        kept = self._kept[spawn.place.name]
        if spawn.succeeds:
            kept.successor = pid
            self._deadlines[pid] = now + SUCCESSOR_SECONDS_MAX
        else:
            assert kept.serving is None, f"{spawn.place.name} is served by {kept.serving} and got {pid}"
            kept.serving, kept.spawn_at, kept.ready_since = pid, None, None

    def unspawned(self, spawn: Spawn, reason: str, now: float) -> list[Effect]:
        """Try a Spawn again later that the machine refused; a successor is not tried again."""
        kept = self._kept[spawn.place.name]
        effects: list[Effect] = [Say("router_spawn_failed", {"process": kept.place.name, "reason": reason})]
        if not spawn.succeeds:
            kept.spawn_at = now + RETRY_SECONDS_MAX
        return effects

    def ready(self, pid: int, now: float) -> list[Effect]:
        """Take a process into service; its predecessor drains."""
        kept = self._of(pid)
        if kept is None or self._status is not None:
            return []
        if pid == kept.successor and pid not in self._deadlines:
            return []  # too late: it has been killed
        kept.was_ready = True
        effects: list[Effect] = []
        if pid == kept.successor:
            assert kept.serving is not None, "a successor is beside one that serves"
            effects = self._leave(kept.serving, now + DRAIN_SECONDS_MAX, Drain(kept.serving))
            kept.serving, kept.successor = pid, None
            self._deadlines.pop(pid)
        kept.ready_since = now
        return [*effects, Say("router_process_ready", {"process": kept.place.name, "pid": pid})]

    def ended(self, pid: int, status: int, now: float) -> list[Effect]:
        """Replace a process that has ended, unless it was asked to; a status below 0 is a signal's number."""
        self._deadlines.pop(pid, None)
        kept = self._of(pid)
        if pid in self._leaving or kept is None:
            self._leaving.discard(pid)
            return self._exit_if_alone()
        if pid == kept.successor:
            kept.successor = None
            return [_said("router_successor_failed", kept, pid, status)]
        kept.serving, is_replaced, kept.is_replaced = None, kept.is_replaced, False
        if kept.successor is not None:
            # It is not ready, but nobody else is there.
            kept.serving, kept.successor = kept.successor, None
            self._deadlines.pop(kept.serving, None)
            return [_said("router_process_ended", kept, pid, status)]
        if is_replaced:
            return [Spawn(kept.place, succeeds=False)]
        if status == CANNOT_START and not kept.was_ready:
            return self.stop(now, CANNOT_START)
        return self._start_again(kept, pid, status, now)

    def restart(self, now: float) -> list[Effect]:
        """Replace every process by a new one; one that is being replaced already is left at that."""
        effects: list[Effect] = []
        for kept in self._kept.values() if self._status is None else ():
            if kept.serving is None:
                kept.spawn_at = now
            elif kept.place.overlaps and kept.successor is None:
                effects.append(Spawn(kept.place, succeeds=True))
            elif not kept.place.overlaps and not kept.is_replaced:
                kept.is_replaced = True
                self._deadlines[kept.serving] = now + STOP_SECONDS_MAX
                effects.append(Terminate(kept.serving))
        return [Say("router_restarting", {}), *effects, *self.tick(now)]

    def stop(self, now: float, status: int = 0) -> list[Effect]:
        """End every process, and then this one."""
        if self._status is not None:
            return []
        self._status = status
        effects: list[Effect] = []
        for kept in self._kept.values():
            for pid in (kept.serving, kept.successor):
                if pid is not None:
                    effects += self._leave(pid, now + STOP_SECONDS_MAX, Terminate(pid))
            kept.serving = kept.successor = kept.spawn_at = None
        # Those that drain take no longer than the others.
        effects += [Terminate(pid) for pid in sorted(self._leaving) if Terminate(pid) not in effects]
        return [*effects, *self._exit_if_alone()]

    def tick(self, now: float) -> list[Effect]:
        """Do what is due."""
        due = [kept for kept in self._kept.values() if kept.spawn_at is not None and kept.spawn_at <= now]
        for kept in due:
            kept.spawn_at = None
        late = [pid for pid, deadline in self._deadlines.items() if deadline <= now]
        for pid in late:
            self._deadlines.pop(pid)
        return [*(Spawn(kept.place, succeeds=False) for kept in due), *map(Kill, late)]

    def due(self) -> float | None:
        """Return when `tick` is to be called next."""
        times = [kept.spawn_at for kept in self._kept.values() if kept.spawn_at is not None]
        return min([*times, *self._deadlines.values()], default=None)

    def _of(self, pid: int) -> _Kept | None:
        return next((kept for kept in self._kept.values() if pid in (kept.serving, kept.successor)), None)

    def _leave(self, pid: int, deadline: float, effect: Effect) -> list[Effect]:
        self._leaving.add(pid)
        self._deadlines[pid] = deadline
        return [effect]

    def _start_again(self, kept: _Kept, pid: int, status: int, now: float) -> list[Effect]:
        if kept.ready_since is not None and now - kept.ready_since >= STEADY_SECONDS:
            kept.ends = 0
        wait_seconds = min(RETRY_SECONDS_MIN * 2**kept.ends, RETRY_SECONDS_MAX) if kept.ends else 0.0
        kept.ends = min(kept.ends + 1, 16)
        kept.spawn_at, kept.ready_since = now + wait_seconds, None
        return [_said("router_process_ended", kept, pid, status, again_in_seconds=wait_seconds)]

    def _exit_if_alone(self) -> list[Effect]:
        return [Exit(self._status)] if self._status is not None and not self._leaving else []


def _said(event: str, kept: _Kept, pid: int, status: int, **fields: object) -> Say:
    return Say(event, {"process": kept.place.name, "pid": pid, "status": status, **fields})
