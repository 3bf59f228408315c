"""What the documents say is so: commands exist, examples are valid, links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runner.document import loads
from runner.schema.tables import attribute_table, scheduler_table

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "models" / "studio-tiny" / "README.md"])
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (
    "import-ratings",
    "init",
    "validate",
    "plan",
    "schema",
    "run",
    "retry",
    "pace",
    "diff",
    "verify",
    "status",
    "report",
    "summary",
    "measure",
    "effects",
    "export",
    "sheet",
    "animate",
    "rescue",
    "serve",
    "doctor",
)


def help_of(*words: str) -> str:
    command = [sys.executable, "-m", "runner", *words, "--help"]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={"COLUMNS": "200", "TERM": "dumb"}
    ).stdout


def test_the_readme_names_every_command_and_no_other() -> None:
    listed = re.findall(r"^│ (\w[\w-]*) ", help_of(), flags=re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)
    assert all(f"sweep {name}" in README or f"`{name}`" in README for name in COMMANDS)
    assert {name for name in re.findall(r"sweep (\w[\w-]*)", README) if name not in COMMANDS} <= {"over"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does(name: str) -> None:
    assert re.search(r"[A-Z][^│]+\.", help_of(name))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []


def test_the_readmes_experiment_is_valid() -> None:
    text = next(block for block in re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL) if "axes:" in block)
    assert [axis.name for axis in loads(text, folder=ROOT).axes] == [
        "scheduler",
        "guidance_scale",
        "seed",
        "subject",
        "ink",
    ]


def test_the_readmes_complaint_is_the_real_one(tmp_path: Path) -> None:
    said = next(line for line in README.splitlines() if line.startswith("cats.yaml:"))
    line, column = map(int, said.split(":")[1:3])
    value = "  guidance_scale: [2, 5, 25]"
    assert column == value.index("25") + 1
    head = ["parameters:", "  model_id: studio-tiny", "  prompt: a cat", "axes:"]
    lines = [*head[:1], *["  # "] * (line - len(head) - 1), *head[1:], value]
    (tmp_path / "cats.yaml").write_text("\n".join(lines))
    command = [sys.executable, "-m", "runner", "validate", "cats.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == said


def test_every_file_of_the_gallery_points_editors_to_the_schema() -> None:
    for path in (ROOT / "experiments").glob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first == "# yaml-language-server: $schema=../schemas/experiment.schema.json", path.name


@pytest.mark.parametrize(("name", "table"), [("attributes", attribute_table()), ("schedulers", scheduler_table())])
def test_the_tables_of_attributes_and_schedulers_are_those_of_the_schemas(name: str, table: str) -> None:
    page = (ROOT / "docs" / "attributes.md").read_text(encoding="utf-8")
    assert page.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0] == f"{table}\n"
