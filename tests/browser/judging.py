"""How the tests of judging in the page come by a page that can be judged, and by what it saves."""

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

PLAN = "ab" * 32


def exported(page: Page) -> dict[str, Any]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    path = download.value.path()
    assert download.value.suggested_filename == "ratings.json"
    found: dict[str, Any] = json.loads(Path(path).read_text())
    return found
