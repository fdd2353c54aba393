"""One cluster of containers for all tests of this folder: repaired after each, and looked at by the next."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.cluster import add_replica, make_table
from tests.support.container_cluster import ContainerCluster, container_cluster
from tests.support.container_image import missing
from tests.support.container_network import NETEM, provide_tools, ways_used


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[ContainerCluster]:
    # The one reason for which tests are skipped here: no engine to run them on. The summary and scripts/check.py say so.
    if reason := missing():
        pytest.skip(f"NOT RUN: {reason}")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with ExitStack() as stack:
        # Images may take minutes: their progress is for whoever looks on. All of them first, while there is nothing to disturb.
        with capture.global_and_fixture_disabled():
            provide_tools()
            running = stack.enter_context(container_cluster())
        yield running


@pytest.fixture
def table(cluster: ContainerCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """Make a global table of all three regions, named after the test; afterwards mend whatever is broken."""
    name = request.node.name.replace("[", "-").replace("]", "-")
    cluster.wait_ready()
    make_table(cluster.client(0), name)
    add_replica(cluster, name, 0, 1)
    add_replica(cluster, name, 0, 2)
    yield name
    cluster.mend()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ways_used - {NETEM}:
        terminalreporter.write_sep("=", "loss and latency without netem", yellow=True)
        terminalreporter.write_line(
            "This kernel has no sch_netem: tc netem was NOT tested. Loss was made with iptables, latency with a packet queue (NFQUEUE)."
        )
