"""What the README promises."""

import contextlib
import io
import re
from pathlib import Path
from typing import List

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf8")


def code_blocks(language: str) -> List[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_python_example_prints_what_the_readme_says() -> None:
    (example,) = code_blocks("python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example, {})
    assert re.findall("^# (.*)", example, re.MULTILINE) == [printed.getvalue().strip()]


@pytest.mark.parametrize("name", ["demo", "test"])
def test_ci_finds_the_commands_of_the_readme(name: str) -> None:
    (command,) = re.findall(rf"<!-- {name} -->\n```bash\n(.*)\n```", README)
    assert ".venv/bin/" in command
