"""Where a container's node begins: ready to be ended before the first slow import. Everything else is in main."""

import sys

from wire.ending import end_at_once_until_served


def main() -> None:
    """Run the node process; end with its exit status."""
    end_at_once_until_served()
    from node.main import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
