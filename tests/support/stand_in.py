"""Stands in for a node or a router: does nothing, ends when asked to, and by itself when its cluster knows it no more."""

import os
import signal

from wire.launch import LOOK_SECONDS, LaunchWatch, launch_of


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    launch = launch_of(os.environ)
    assert launch is not None, "the launcher names every launch"
    watch = LaunchWatch(launch)
    while not watch.is_disowned():
        if signal.sigtimedwait({signal.SIGTERM}, LOOK_SECONDS) is not None:
            return


if __name__ == "__main__":
    main()
