"""The server on Ray Serve: one address and one key in front, engines on many processes, GPUs and machines behind.

    client ──> front (one)                      replica (many, each with an engine)
               the server's ASGI app   ── Ray ──>  the models that it has loaded
               queue, links, track_ids             a picture at a time

fleet           what runs: how many engines, on what, with which models
engines         the Engine protocol over Ray, and what runs at its other end
application     a Fleet becomes an application of Ray Serve; `serve deploy` takes it as well
head            start it, say where it answers, take it down

The front is one process, because the queue, the pictures behind links and what was accepted under which track_id have
one owner. A replica that dies takes nothing with it: its picture is made by another. The front's death loses what waits
and what was made and not fetched; Ray starts it again, and clients ask by track_id. Ray routes, scales and restarts.
"""
