"""The package is installed with all that it needs: requirements and files."""

import ast
import importlib.resources
import itertools
import sys
from pathlib import Path
from typing import Any, Dict, Set

import pytest
import srsly
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT: Dict[str, Any] = tomllib.loads(
    (ROOT / "pyproject.toml").read_text(encoding="utf8")
)["project"]
SOURCE = ROOT / "spacy_lstm_tagger"
FILES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = sorted({*PROJECT["dependencies"], *itertools.chain(*EXTRAS.values())})

# What needs an extra.
ROOMS = {
    "evaluation/report/": "report",
    "corpus/": "corpus",
    "corpus/cluster.py": "ray",
}


def imported(name: str) -> Set[str]:
    """Return the top-level packages of others that a file imports."""
    names = set()
    for node in ast.walk(ast.parse((SOURCE / name).read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names - set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", FILES)
def test_every_import_is_a_declared_requirement(name: str) -> None:
    requirements = list(PROJECT["dependencies"])
    for room, extra in ROOMS.items():
        if name.startswith(room):
            requirements += EXTRAS[extra]
    assert imported(name) <= {Requirement(r).name for r in requirements}


@pytest.mark.parametrize("text", REQUIREMENTS)
def test_every_requirement_has_a_lowest_version(text: str) -> None:
    """.ci/oldest tests with it."""
    requirement = Requirement(text)
    own = requirement.name == PROJECT["name"]
    assert own or ">=" in {part.operator for part in requirement.specifier}


def test_the_installed_package_has_all_files_of_the_source() -> None:
    installed = importlib.resources.files("spacy_lstm_tagger")
    files = [path for path in SOURCE.rglob("*") if path.is_file()]
    names = [
        path.relative_to(SOURCE).as_posix()
        for path in files
        if "__pycache__" not in path.parts
    ]
    assert {"py.typed", "evaluation/report/templates/report.html"} <= set(names)
    assert [name for name in names if not installed.joinpath(name).is_file()] == []


def test_the_workflow_runs_every_job() -> None:
    workflow = srsly.read_yaml(ROOT / ".github" / "workflows" / "ci.yml")
    run = {
        step["run"]
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if "run" in step
    }
    assert run == {"bash .ci/run", "bash .ci/oldest"}
