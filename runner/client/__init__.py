"""One request becomes images or a refusal: send, wait, fetch, download.

sending     the client itself, and how long it waits for what
links       what lies at a link
"""

from runner.client.links import DownloadError, read_link
from runner.client.sending import Client, Patience

__all__ = ["Client", "DownloadError", "Patience", "read_link"]
