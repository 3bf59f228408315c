"""The HTTP contract of the hosted image service, both directions; pure, so that client and server cannot disagree.

    requests    a Request becomes a JSON body, and a JSON body becomes a Request or complaints
    replies     an answer becomes a Reply, and a Reply becomes an answer
    tracks      what became of a request whose answer was lost
    words       what an error's message is about

Everything is a POST with a JSON body; the key travels in the body and nowhere else. An answer's `status` field counts
as much as its HTTP status: a 200 can say that the request failed.
"""

from runner.wire.replies import (
    Word,
    accepted,
    answer,
    is_about,
    meta,
    no_such_route,
    objection,
    other,
    processing,
    refusal,
    settled,
    success,
    told,
)
from runner.wire.requests import (
    BASES,
    FIND,
    HOUSEKEEPING,
    IMAGES,
    ROUTES,
    ask,
    body,
    decode_image,
    encode_image,
    fetch_paths,
    is_link,
)
from runner.wire.tracks import forgotten, found, named, never_accepted, question, repeats
from runner.wire.words import about_content

__all__ = [
    "BASES",
    "FIND",
    "HOUSEKEEPING",
    "IMAGES",
    "ROUTES",
    "Word",
    "about_content",
    "accepted",
    "answer",
    "ask",
    "body",
    "decode_image",
    "encode_image",
    "fetch_paths",
    "forgotten",
    "found",
    "is_about",
    "is_link",
    "meta",
    "named",
    "never_accepted",
    "no_such_route",
    "objection",
    "other",
    "processing",
    "question",
    "refusal",
    "repeats",
    "settled",
    "success",
    "told",
]
