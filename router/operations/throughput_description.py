"""How provisioned capacity of a table or an index looks to clients: AWS's ProvisionedThroughputDescription."""

from typing import Any, Final

from wire.tables import CapacityHistory, Throughput

_DAY_MS: Final = 24 * 3600 * 1000


def throughput_description(throughput: Throughput, history: CapacityHistory, now_ms: int) -> dict[str, Any]:
    """Return the description; decreases are told of the (UTC) day of `now_ms`."""
    times = {"LastIncreaseDateTime": history.increased_ms, "LastDecreaseDateTime": history.decreased_ms}
    is_today = history.decreased_ms // _DAY_MS == now_ms // _DAY_MS
    return {
        **{name: at_ms / 1000 for name, at_ms in times.items() if at_ms},
        "NumberOfDecreasesToday": history.decreases if is_today else 0,
        "ReadCapacityUnits": throughput.read_units,
        "WriteCapacityUnits": throughput.write_units,
    }
