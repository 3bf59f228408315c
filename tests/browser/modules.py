"""Functions of the page's script, called by themselves in a real browser."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from runner.shipped import shipped


def opened(page: Page, *files: str) -> Callable[[str, Any], Any]:
    """Return what evaluates an expression of `value` and of all that some of the page's files declare."""
    source = "\n".join((shipped("reports", "page") / name).read_text("utf-8") for name in files)

    def call(expression: str, value: Any) -> Any:
        return page.evaluate(
            "([source, value]) => new Function('value', source)(value)",
            [f"'use strict';\n{source}\nreturn {expression};", value],
        )

    return call
