"""`globetable`: the entry point. Knows only that Ctrl-C ends it quietly, also while the commands are still being imported."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from deploy.cli.commands import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
