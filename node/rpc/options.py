"""Settings of gRPC itself, for servers and for channels to other nodes."""

from typing import Final

from wire.limits import GRPC_MESSAGE_BYTES_MAX
from wire.recipients import RESOLVING_OPTIONS

_SIZES: Final = (
    ("grpc.max_send_message_length", GRPC_MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", GRPC_MESSAGE_BYTES_MAX),
)

# Without so_reuseport a port in use is an error, as it should be. Routers ping every two seconds, calls or not.
SERVER_OPTIONS: Final = (
    *_SIZES,
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 500),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 500),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)

# Consensus notices a dead peer by itself; pings only free connections that would hang for minutes.
CHANNEL_OPTIONS: Final = (
    *_SIZES,
    *RESOLVING_OPTIONS,
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 20),
    # In spite of its name: how long an attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 500),
)
