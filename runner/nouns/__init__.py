"""The vocabulary: what every floor above talks about. Frozen dataclasses, valid once constructed, no I/O.

Experiment ── Axis ── Point          what the file says
Plan (in `runner.plan`) ── Cell ── Request
Request ── sent ──> Ready | Queued | Refused | Unknown      one reply
Cell ── attempts ──> Made | Refused | Failed | Unknown      one outcome
Generation                                                  what an engine is asked for: one image
"""

from runner.nouns.asked import ENDPOINTS, INPUT_SCHEME, Cell, Endpoint, Provider, Request, Value
from runner.nouns.drawing import Drawn, Generation, SafetyCheckerType, Verdict
from runner.nouns.file import (
    METHODS,
    ORDERS,
    Address,
    Axis,
    Criterion,
    Execution,
    Experiment,
    Layout,
    Limits,
    Method,
    Order,
    Point,
    Rule,
    Sample,
    Spent,
    Template,
    Wish,
)
from runner.nouns.replies import (
    Change,
    Concern,
    Failed,
    Made,
    Outcome,
    Picture,
    Queued,
    Ready,
    Refused,
    Reply,
    State,
    Unknown,
)

__all__ = [
    "ENDPOINTS",
    "INPUT_SCHEME",
    "METHODS",
    "ORDERS",
    "Address",
    "Axis",
    "Cell",
    "Change",
    "Concern",
    "Criterion",
    "Drawn",
    "Endpoint",
    "Execution",
    "Experiment",
    "Failed",
    "Generation",
    "Layout",
    "Limits",
    "Made",
    "Method",
    "Order",
    "Outcome",
    "Picture",
    "Point",
    "Provider",
    "Queued",
    "Ready",
    "Refused",
    "Reply",
    "Request",
    "Rule",
    "SafetyCheckerType",
    "Sample",
    "Spent",
    "State",
    "Template",
    "Unknown",
    "Value",
    "Verdict",
    "Wish",
]
