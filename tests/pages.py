"""The pages that people read, and what is in the way of reading them by machine."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import List

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf8")
    for path in [
        ROOT / "README.md",
        ROOT / "benchmarks" / "RESULTS.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
}


@dataclass(frozen=True)
class Step:
    """One thing that a reader of a page does.

    kind (str): "command", "example" of Python or "file", which is saved.
    text (str): The command, the code or the content of the file.
    name (str): The name of the file.
    """

    kind: str
    text: str
    name: str = ""


def read_blocks(page: str, language: str) -> List[str]:
    """Return the code blocks of a page in a language."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, PAGES[page], re.MULTILINE | re.DOTALL)


def read_steps(page: str) -> List[Step]:
    """Return what there is to do on a page, in order: each line of a ```bash block,
    each ```python block, and each other block with the name of a file in a comment
    above, like <!-- tagger.cfg -->. The two commands of the README that CI runs in an
    environment of their own are left out."""
    pattern = r"^(?:<!-- (\S+\.\w+) -->\n)?```(\w*)\n(.*?)^```"
    steps = []
    for name, language, text in re.findall(
        pattern, PAGES[page], re.MULTILINE | re.DOTALL
    ):
        if language == "bash":
            lines = [line for line in text.splitlines() if ".venv/bin/" not in line]
            steps += [Step("command", line) for line in lines]
        elif language == "python":
            steps.append(Step("example", text))
        elif name:
            steps.append(Step("file", text, name))
    return steps
