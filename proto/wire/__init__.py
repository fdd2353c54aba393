"""What every process must agree on: keys, numbers, tables, commands, errors, versions, and the messages of `wire.v1`.

Imports none of the other packages. Everything here is a value or a pure function, but for `wire.clock` (the one import
of time), `wire.telemetry` (the one place that sets logging up), and `wire.metrics_server` with `wire.exposition` (the port for metrics).
"""
