"""``python -m alambique`` and the installed command."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is imported ends it as quietly as later."""
    try:
        from alambique.cli import main as run  # noqa: PLC0415 - it takes half a second
    except KeyboardInterrupt:
        print("alambique: interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
