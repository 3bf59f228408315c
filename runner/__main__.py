"""`python -m runner` is `sweep`."""

from runner.cli import main

main()
