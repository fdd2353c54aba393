"""An embedded region in a thread of its own, so that a synchronous client can talk to it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.embedded import EmbeddedRegion
from wire.cluster import ControlPlane, WordingOfErrors

START_SECONDS = 30.0


@contextmanager
def embedded_region(
    folder: Path, region: str, control_plane: ControlPlane = "instant", validation_wording: WordingOfErrors = "current"
) -> Iterator[str]:
    """Run a region with its data in `folder`, and yield the URL of its router."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="embedded-region", daemon=True)
    thread.start()
    embedded = EmbeddedRegion(folder, region=region, control_plane=control_plane, validation_wording=validation_wording)
    try:
        asyncio.run_coroutine_threadsafe(embedded.start(), loop).result(START_SECONDS)
        yield embedded.url
    finally:
        asyncio.run_coroutine_threadsafe(embedded.stop(), loop).result(START_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
