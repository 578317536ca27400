"""``python -m alambique``."""

from alambique.cli import main

main()
