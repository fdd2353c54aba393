"""Reads by lease, where they are most dangerous: a leader that stands still while another is elected."""

from node.consensus.types import Role
from tests.support.consensus_driver import TICK_US, SimulatedReplica
from tests.support.consensus_simulation import Simulation

PEACE_US = 40 * TICK_US
STALL_US = 60 * TICK_US


def peaceful(seed: int) -> Simulation:
    """Return a group of three with leases that has elected a leader; nothing disturbs it."""
    for candidate in range(seed, seed + 1000):
        simulation = Simulation(candidate)
        if simulation.settings["lease"] and simulation.settings["pre_vote"] and len(simulation.replicas) == 3:
            simulation.network.become_perfect()
            simulation.crash_chance = 0.0
            simulation.run_for(PEACE_US)
            return simulation
    raise AssertionError(f"expected a seed with leases from {seed} on")


def leader_of(simulation: Simulation) -> SimulatedReplica:
    """Return the leader in the highest term."""
    cores = [(replica.core, replica) for replica in simulation.replicas.values()]
    terms = [(core.term, core.id, replica) for core, replica in cores if core is not None and core.role is Role.LEADER]
    return max(terms)[2]


# A working leader serves reads by itself; without this the next test would prove nothing.
def test_lease_serves_reads() -> None:
    simulation = peaceful(100)
    leader_of(simulation).read_by_lease()
    assert simulation.judge.reads["lease"] == 1


# A paused process does not see time pass. When it wakes, another leader has written: the lease must have run out by the
# clock, before any tick or message has told it.
def test_leader_that_stalled_serves_nothing_by_lease() -> None:
    for seed in range(200, 210):
        simulation = peaceful(seed)
        old = leader_of(simulation)
        old.stall(STALL_US)
        simulation.run_for(STALL_US - TICK_US)
        new = leader_of(simulation)
        assert new is not old
        new.propose([b"news"])
        simulation.run_for(TICK_US // 2)
        old.read_by_lease()
        assert simulation.judge.reads["lease"] == 0
