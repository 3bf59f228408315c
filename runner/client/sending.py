"""The client itself: send, find, wait, download.

> Invariant 1, nothing here sends a request twice: after its first byte went out it may have been made and paid for.
"""

from collections.abc import Callable
from dataclasses import replace

import httpx

from runner import wire
from runner.client import fetching, finding
from runner.client.bringing import image
from runner.client.mailbox import Mailbox
from runner.client.patience import Patience
from runner.client.talking import Talk
from runner.nouns import Queued, Ready, Refused, Reply, Request, Unknown
from runner.pace import Clock


class Client:
    """Speaks the contract over an open httpx client, whose `base_url` ends before the route.

    Safe to share between tasks of one event loop. It does not own the httpx client and never closes it.

    Attributes:
        mailbox: where a webhook's answers arrive, set before anything is sent; None asks for no webhook.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        load: Callable[[str], bytes],
        key: str = "",
        clock: Clock | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Take an open httpx client.

        Args:
            http: where requests go, its own timeouts set.
            load: returns the bytes of a local image by its SHA-256.
            key: the key itself, or empty.
            clock: time and chance.
            patience: how long to wait for what.
        """
        self.mailbox: Mailbox | None = None
        self._load = load
        self._talk = Talk(http, key=key, clock=clock or Clock(), patience=patience or Patience())

    def __repr__(self) -> str:
        return f"Client({self._talk.where!r})"

    async def send(self, request: Request, *, track_id: str = "") -> Reply:
        """Send a request once and return what the server says to it.

        With a mailbox it names a webhook, unless the request has one of its own. Where the answer is lost, the webhook
        is still awaited until `find` was asked.

        Args:
            request: what to ask for.
            track_id: this side's name for it, unless the request has one of its own; empty for none.

        Raises:
            OSError: a local image cannot be read; nothing was sent.
        """
        talk = self._talk
        fields = wire.body(request, key=talk.key, load=self._load)
        if track_id and not request.parameters.get("track_id"):
            fields |= {"track_id": track_id}
        if self.mailbox is None or request.parameters.get("webhook"):
            return talk.judge(await talk.post(request.endpoint, fields, within=talk.patience.answer))
        track_id, reply = self.mailbox.expect(track_id), None
        try:
            fields |= {"webhook": self.mailbox.url, "track_id": track_id}
            reply = talk.judge(await talk.post(request.endpoint, fields, within=talk.patience.answer))
            return replace(reply, track_id=track_id) if isinstance(reply, Queued) else reply
        finally:
            if not isinstance(reply, Queued | Unknown):
                self.mailbox.forget(track_id)

    def expect(self, request: Request, track_id: str) -> None:
        """Keep what a webhook says about a request that an earlier process has sent, for `find` or `wait`."""
        if self.mailbox is not None and not request.parameters.get("webhook"):
            self.mailbox.expect(track_id)

    async def find(self, track_id: str, *, age: float) -> Queued | Ready | Refused | None:
        """Ask what became of a request whose answer was lost; None when the target cannot tell.

        The server is asked first, for a while where it does not answer. Where it cannot tell and answers come by webhook,
        one is awaited for some minutes, and the server is asked about what it names. "Never accepted" is a refusal that
        concerns *later*: nothing was made, and what may come late under that name is not taken any more.

        Args:
            track_id: what the request was sent with; nobody else must have used it.
            age: seconds since it was sent, or more.

        Raises:
            WithheldError: the target does not answer, or not to this key; another time it may tell.
        """
        found = None
        try:
            found = await finding.find(self._talk, self.mailbox, track_id, self._talk.clock.elapsed() - age)
            return replace(found, track_id=track_id) if self.mailbox and isinstance(found, Queued) else found
        finally:
            if self.mailbox is not None and not isinstance(found, Queued):
                self.mailbox.forget(track_id)

    async def wait(self, queued: Queued, *, deadline: float) -> Ready | Refused | Unknown | Queued:
        """Fetch what was accepted until the server says how it ended, or its webhook does.

        The first fetch comes after the server's eta, later ones at growing distances or when the server says. A fetch
        that fails is tried again: fetching costs nothing. What the server does not know is Unknown and not Refused,
        because it was accepted; the links that were promised are tried first. What is still being made at the deadline
        is returned as it was queued.

        Args:
            queued: what the server accepted.
            deadline: reading of `Clock.elapsed` after which it is not waited for any more.

        Raises:
            WithheldError: it may not be asked for with this key now, or the target does not answer until the deadline.
        """
        try:
            return await fetching.wait(self._talk, self.mailbox, queued, deadline)
        finally:
            if self.mailbox is not None:
                self.mailbox.forget(queued.track_id)

    async def download(self, ready: Ready) -> tuple[bytes, ...]:
        """Return the image files of an answer, in its order.

        Links are followed without the key, to any host, over http and https alone, through a few redirects. A link
        that leads nowhere yet is tried again for a while.

        Raises:
            DownloadError: an image did not come, is too large, or is not base64 where it should be.
        """
        return tuple([await image(self._talk, output, encoded=ready.encoded) for output in ready.outputs])

    async def probe(self) -> Refused | None:
        """Ask for something that costs nothing; return why the target is of no use, None when it answers this key."""
        return await self._talk.probe()
