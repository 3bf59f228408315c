"""`python -m runner` is `sweep`."""

from runner.cli import main

if __name__ == "__main__":  # an engine's child process imports this module too
    main()
