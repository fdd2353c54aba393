"""How gRPC's core is tuned in a long-lived process, by its own environment variables. Knows these variables only."""

import os
from typing import Final

# Sockets are polled by the thread that waits for completions. The event engine, which newer versions use unless told otherwise, hands
# every read and write to a pool of threads first: twice the context switches and 1.3 to 1.5 times the CPU time per message of a stream
# between two processes (grpcio 1.85, Python 3.11). It saves threads where there are thousands of channels; here are a few per process.
POLL_DIRECTLY: Final = "-event_engine_client,-event_engine_listener"


def tune_grpc() -> None:
    """Set what the environment does not set already; before the first channel or server is made."""
    os.environ.setdefault("GRPC_EXPERIMENTS", POLL_DIRECTLY)
    # It would print its own account of a port in use.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
