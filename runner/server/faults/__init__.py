"""A server that lies on purpose, the same way each time: `sweep serve --faults FILE`.

    kinds       what can be wrong, and which requests it strikes
    reading     a file becomes Faults, or complaints
    deciding    which faults strike the n-th request: arithmetic
    lies        what a lie makes of an answer
    account     what was heard, made and lied: was anything bought twice?
    lying       the ASGI part

`docs/faults.md` is the page for its users.
"""

from runner.server.faults.account import Account
from runner.server.faults.kinds import Fault, Faults
from runner.server.faults.lying import ABORT, Lying, LyingAnswers
from runner.server.faults.reading import load

__all__ = ["ABORT", "Account", "Fault", "Faults", "Lying", "LyingAnswers", "load"]
