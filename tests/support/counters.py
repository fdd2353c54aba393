"""What the processes of a running cluster have counted."""

from collections.abc import Sequence
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.support.cluster import RunningCluster

SCRAPE_SECONDS = 10.0


def counted(cluster: RunningCluster, names: Sequence[str], region: int = 0) -> dict[str, float]:
    """Return the sums of some counters over the nodes of a region."""
    sums = dict.fromkeys(names, 0.0)
    for node in cluster.regions[region].nodes:
        address = cluster.local.processes.metrics(node.id)
        with urlopen(f"http://{address}/metrics", timeout=SCRAPE_SECONDS) as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in sums:
                    sums[sample.name] += sample.value
    return sums
