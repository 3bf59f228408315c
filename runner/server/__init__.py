"""The endpoint as an ASGI app over an Engine: the contract of the hosted service on this machine.

    app             routes, start and stop
    service         the routes that make pictures, fetch them and show them
    house           the routes that keep house
    openapi         the server's description, made from the schemas
    uploads         pictures that clients upload
    job             one request on its way through the server
    jobs            first in, first out, one picture at a time on each engine; what was made stays fetchable for a while
    archive         what was made, beyond the process that made it
    store           a folder or object storage                                            [extra: store]
    making          pictures leave the queue together and are made by one engine
    kept            finished requests in memory
    tracks          what was accepted under which name of its sender's
    hooks           webhooks are told what became of their requests
    generations     a Request becomes what the engine is asked for
    outside         links and webhooks, at public addresses alone
    reading         a request's JSON and images, with limits
    answers         how a route says no
    faults          lies on purpose, for those who test their pipelines

The app works behind any ASGI server, and without one: `httpx.ASGITransport` carries requests to it in the same process.
Such a transport never runs the app's lifespan, so whoever opens it enters `running(app)`.
"""

from runner.server.app import App, create_app, running
from runner.server.faults import ABORT
from runner.server.outside import Outside
from runner.server.service import Settings
from runner.server.store import Store

__all__ = ["ABORT", "App", "Outside", "Settings", "Store", "create_app", "running"]
