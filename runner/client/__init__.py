"""One request becomes images or a refusal: send, wait, fetch, download.

sending     the client itself, and how long it waits for what
links       what lies at a link
mailbox     answers that come by themselves, through a webhook
"""

from runner.client.links import DownloadError, read_link
from runner.client.mailbox import Mailbox
from runner.client.sending import Client, Patience, WithheldError

__all__ = ["Client", "DownloadError", "Mailbox", "Patience", "WithheldError", "read_link"]
