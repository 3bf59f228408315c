"""The page of a run that goes on, over loopback: the run folder is read, never written to.

looking   what is new in a run folder since the last look
feed      what is new, for every page that listens, however late it comes or comes back
site      the addresses: the page, its pictures, its news
"""

from runner.live.feed import Feed
from runner.live.site import create_site

__all__ = ["Feed", "create_site"]
