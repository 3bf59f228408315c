"""Arguments in, words and exit codes out: the only print, the only asyncio.run.

Exit: 0 all made; 1 some cells not made; 2 the input is wrong; 3 stopped by a limit; 4 the target refused the whole run
(key, credits); 130 interrupted. Users see one line of an error; `sweep --debug COMMAND` shows the traceback.
"""

import os
import sys

from runner.cli import (  # noqa: F401  # importing them adds their commands to `app`, in the order of --help
    comparing,
    doctor,
    experiments,
    numbers,
    pace,
    reporting,
    rescue,
    runs,
    serving,
    taking,
    verifying,
    watching,
)
from runner.cli.app import app
from runner.cli.words import complain
from runner.errors import InputError, SweepError

__all__ = ["app", "main"]


def main() -> None:
    """Run `sweep` and exit."""
    try:
        app(standalone_mode=True)
    except SweepError as error:
        if "--debug" in sys.argv:
            raise
        complain(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:  # whoever read the output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        complain(
            f"{error.filename or 'sweep'}: {error.strerror or error}; check the path, its folder and the permissions"
        )
        sys.exit(InputError.exit_code)
