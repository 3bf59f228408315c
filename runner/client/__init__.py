"""One request becomes images or a refusal: send, wait, fetch, download.

sending     the client itself
finding     what became of a request whose answer was lost
fetching    what was accepted, until it is over
bringing    the images of an answer
talking     one question to a target, with its key, and the answer without it
links       what lies at a link
mailbox     answers that come by themselves, through a webhook
patience    how long to wait for what
"""

from runner.client.links import DownloadError, read_link
from runner.client.mailbox import Mailbox
from runner.client.patience import Patience, WithheldError
from runner.client.sending import Client

__all__ = ["Client", "DownloadError", "Mailbox", "Patience", "WithheldError", "read_link"]
