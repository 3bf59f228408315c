"""The drawing in `runner/__init__.py` is true."""

import ast
import re
from pathlib import Path

import pytest

import runner

PACKAGE = Path(runner.__file__).parent
DRAWN = {
    name: (int(floor), bool(star))
    for floor, name, star in re.findall(r"^    (\d)  (\w+)(\*?) ", runner.__doc__ or "", flags=re.MULTILINE)
}
BIG = {
    "pandas": {"table"},
    "scipy": {"plan"},
    "skimage": {"metrics"},
    "imagehash": {"metrics"},
    "torch": {"engine", "studio"},
    "diffusers": {"engine", "studio"},
    "transformers": {"engine", "studio"},
    "peft": {"engine", "studio"},
    "ray": {"cluster"},
    "fsspec": {"server"},
    "s3fs": set(),
    "starlette": {"live", "server", "receiver"},
    "uvicorn": {"target"},
    "httptools": {"carrier"},
    "jsonschema": {"schema", "document"},
    "typer": {"cli", "studio"},
    "rich": {"cli"},
}


def modules() -> list[tuple[str, Path]]:
    paths = [path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py" or path.parent != PACKAGE]
    return [(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path) for path in sorted(paths)]


class Running(ast.NodeTransformer):
    """Drops what only a type checker reads."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)


def imports(path: Path) -> set[str]:
    tree = Running().visit(ast.parse(path.read_text(encoding="utf-8")))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


CASES = [pytest.param(name, path, id=str(path.relative_to(PACKAGE))) for name, path in modules() if name != "__init__"]


def test_every_module_stands_on_a_floor() -> None:
    assert {name for name, _ in modules() if name not in ("__init__", "__main__", "py")} == set(DRAWN)


@pytest.mark.parametrize(("name", "path"), CASES)
def test_imports_go_to_a_strictly_lower_floor(name: str, path: Path) -> None:
    for imported in imports(path):
        parts = imported.split(".")
        if parts[0] == "runner" and len(parts) > 1 and parts[1] in DRAWN and parts[1] != name:
            assert DRAWN[parts[1]][0] < DRAWN[name][0], f"{path.name} on floor {DRAWN[name][0]} imports {imported}"


@pytest.mark.parametrize(("name", "path"), CASES)
def test_async_def_stands_only_under_a_star(name: str, path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not DRAWN[name][1]:
        assert not [node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)]


@pytest.mark.parametrize(("name", "path"), CASES)
def test_a_big_package_is_imported_where_the_drawing_says(name: str, path: Path) -> None:
    for imported in imports(path):
        assert name in BIG.get(imported.split(".")[0], {name}), f"{path.name} imports {imported}"


@pytest.mark.parametrize(("name", "path"), CASES)
def test_only_the_command_line_prints_and_runs_the_loop(name: str, path: Path) -> None:
    calls = [
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    if name not in ("cli", "studio"):
        assert "print" not in calls
        assert "asyncio.run" not in calls
