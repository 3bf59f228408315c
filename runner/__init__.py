"""Sweep an image-generation endpoint from one YAML file; compare the pictures on one page.

    import runner

    plan = runner.prepare("experiments/quickstart.yaml")            # everything checked, nothing sent
    asyncio.run(runner.sweep(plan, "runs/quickstart"))              # images, table, page; again continues
    table = runner.load("runs/quickstart")                          # a pandas DataFrame, one row an image

Floors: an import goes to a strictly lower floor, or stays inside its own package; `async def` stands only under a star.
A test reads this drawing and holds the code to it.

    7  cli*        arguments in, words and exit codes out: the only print, the only asyncio.run
    6  verbs*      the commands as functions: what `import runner` offers
    6  cluster*    the server on Ray Serve                                            [extra: cluster]
    6  live*       the page of a run that goes on, over loopback
    6  doctor*     whether an installation and a target are well
    5  book        a run becomes everything that its page shows
    5  target*     an address becomes an open client: hosted, or the server in-process
    4  execute*    a plan, minus what its ledger holds, becomes outcomes
    4  server*     the endpoint as an ASGI app over an Engine
    4  forecast    how long a plan would take, and what was assumed
    4  album       a run's pictures as one: a contact sheet, a film along an axis
    4  ballots     a file of ratings that a page has exported becomes Ratings
    4  notebook    a run as a grid of small pictures inside a notebook
    4  bundle      a run's pictures under readable names, in one ZIP
    4  rescue      a damaged ledger becomes one that says what is certain
    4  reuse       what an earlier run made is taken from there
    4  receiver*   the other end of a webhook: answers that come by themselves
    4  report      a table becomes one static folder
    3  client*     one request becomes images or a refusal: send, wait, fetch, download
    3  compare     what differs between two plans, and between two runs
    3  document    YAML text becomes an Experiment, or complaints with line numbers
    3  engine      the Engine protocol; engine/diffusion.py drives diffusers             [extra: local]
    3  folder      a run folder: plan, manifest, ledger and vault, and its one writer
    3  metrics     pictures as numbers: looks, and distances to a baseline              [extra: metrics]
    3  likeness    whether two image files show the same picture
    3  studio      drawings become studio-tiny: captions, training, packing               [extra: local]
    3  recall      what a run's own table says of its pictures
    3  table       a ledger becomes one tidy DataFrame, and summaries of it (the only pandas import)
    2  plan        an Experiment becomes a Plan
    2  wire        the HTTP contract: request to body, answer to reply; both sides use it
    2  ratings     what people think of pictures: stars, and which of two is better
    2  ledger      what was asked and what came back; one writer
    2  lock        the lock that gives a run folder one writer, and who that is
    2  vault       bytes by their digest, thumbnails
    1  carrier*    bytes to a host and back: what carries the requests of an httpx client
    1  schema      what an endpoint accepts: spelling, ranges, cross-field rules
    1  provenance  which versions, commit and machine made a run
    1  pace        when to send, how long to wait, when to stop: arithmetic with the clock passed in
    1  measures    what is measured of a picture: names, units, digits
    1  flags       what is odd about a picture that came
    1  infotext    a request in the words that other tools read from a picture
    1  ranking     who wins against whom becomes how good each is, and how sure that is
    1  files       writes that happen whole or not at all
    0  nouns       the vocabulary: frozen dataclasses, no I/O
    0  errors      what can go wrong, drawn as a tree
    0  canon       one value, one spelling, one digest
    0  shipped     where the files that travel with the package lie
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.verbs import (
        changes,
        check,
        differ,
        effects,
        estimate,
        grid,
        identical,
        import_ratings,
        interaction,
        load,
        measure,
        pivot,
        prepare,
        render,
        render_single,
        retry,
        revise,
        sampled,
        summarise,
        sweep,
        verify,
    )

__version__ = version("sweeprunner")
__all__ = [
    "__version__",
    "changes",
    "check",
    "differ",
    "effects",
    "estimate",
    "grid",
    "identical",
    "import_ratings",
    "interaction",
    "load",
    "measure",
    "pivot",
    "prepare",
    "render",
    "render_single",
    "retry",
    "revise",
    "sampled",
    "summarise",
    "sweep",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import a verb when it is first used, so that `import runner` costs neither pandas nor torch."""
    if name in __all__:
        return getattr(import_module("runner.verbs"), name)
    raise AttributeError(f"module 'runner' has no attribute {name!r}; it has {', '.join(__all__)}")
