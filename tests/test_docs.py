"""The commands and examples of the README and of docs/ do what the pages promise."""

import contextlib
import io
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, TypeVar, Union

import pages
import pytest
import srsly
from pages import PAGES, ROOT, Step, read_steps
from util import TRAIN_DATA, make_installed, run_spacy

# Adds its commands to spaCy's.
import spacy_lstm_tagger.cli  # noqa: F401

SMALLER = "--components.lstm_tagger.model.tok2vec.width 16"
# Settings that make commands short, by how they begin.
SHORTER = {
    "spacy train": f"--training.max_steps 4 --training.eval_frequency 2 {SMALLER}",
    "spacy lstm-tagger distill": f"--training.max_steps 4 --training.eval_frequency 2 "
    f"{SMALLER}",
    "spacy pretrain": f"--pretraining.max_epochs 1 {SMALLER}",
    "benchmarks.accuracy": "--max-steps 2 --stock-max-steps 2 "
    "--pipelines tagger-documents,default",
    # Another plot, not the one that is committed.
    "benchmarks.speed": "--max-steps 2 --stock-max-steps 2 --pipelines "
    "tagger,crfsuite,fast --repeats 1 --docs 10 --plot speed.svg",
    "benchmarks.memory": "--max-steps 2 --stock-max-steps 2 --pipelines tagger,fast "
    "--words 400",
    "benchmarks.decoding": "--seeds 1 --max-steps 2",
}
# Part of what each command has to print, by how it begins: special cases first.
EXPECTED = {
    "mkdir": "",
    "spacy convert": "Generated output file",
    "spacy debug lstm-tagger": "Tags",
    "spacy train": "Saved pipeline",
    "spacy evaluate": "TAG",
    "spacy lstm-tagger report": "Saved report to report.html",
    "spacy lstm-tagger tag .* --output": "Saved tags to",
    "spacy lstm-tagger tag .* --format jsonl": '"confidence"',
    "spacy lstm-tagger tag .* --format conllu": "# text =",
    "spacy lstm-tagger tag": "Probability",
    "spacy lstm-tagger view": "Saved tags to",
    "spacy lstm-tagger convert": "Generated output file",
    "spacy lstm-tagger annotate": "Annotated",
    "spacy lstm-tagger distill": "Saved pipeline",
    "spacy lstm-tagger corpus": "Tagged",
    "spacy init lstm-tagger": "spacy train",
    "spacy lstm-tagger calibrate": "Calibration error",
    "spacy package": "Successfully created binary wheel",
    "spacy assemble": "Initialized pipeline",
    "spacy init vectors": "Successfully converted",
    "spacy pretrain": "Successfully finished pretrain",
    "benchmarks.accuracy": "| tagger-documents |",
    "benchmarks.speed": "| fast |",
    "benchmarks.memory": "| fast |",
    "benchmarks.decoding": "| crf posterior |",
}
# Files that commands have to leave behind, by how they begin.
FILES = {
    "spacy lstm-tagger report": "report.html",
    "spacy package": "packages/*/dist/*.whl",
    "spacy assemble": "*/meta.json",
}
# Packages that some steps need, and that may be missing where the others are done. The
# last needs Java, too.
OPTIONAL = ("ray", "dask", "pyspark")
T = TypeVar("T")


def all_steps(kind: str) -> List[Any]:
    """Return the steps of a kind on all pages, with the page and the position each."""
    return [
        pytest.param(page, i, id=f"{page}:{step.text.strip().splitlines()[0]}")
        for page in PAGES
        for i, step in enumerate(read_steps(page))
        if step.kind == kind
    ]


def begins_with(command: str, start: str) -> bool:
    words = command.removeprefix("python ").removeprefix("-m ")
    return re.match(rf"{start}(\s|$)", words) is not None


def look_up(command: str, known: Dict[str, T], missing: T) -> T:
    """Return the value of the commands that begin as this one does."""
    found = [known[start] for start in known if begins_with(command, start)]
    return found[0] if found else missing


def run_command(command: str, folder: Path) -> str:
    """Run a command in the folder, made short, and return what it prints. It does not
    need the GPU that it names."""
    text = re.sub(r"path/to/UD_\S+", "assets/sample", command)
    words = shlex.split(text.replace("--gpu-id 0", "--gpu-id -1"))
    words += shlex.split(look_up(command, SHORTER, ""))
    if words[:3] == ["python", "-m", "spacy"]:
        return run_spacy(*words[3:])
    if words[0] == "python":
        words[0] = sys.executable
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_example(example: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example, {})
    return printed.getvalue()


def skip_without(step: Step) -> None:
    """Skip the test if the step needs something that is missing."""
    for name in OPTIONAL:
        if re.search(rf"(import|from|engine) {name}\b", step.text):
            pytest.importorskip(name)
            if name == "pyspark" and not shutil.which("java"):
                pytest.skip("There is no Java")


class Reader:
    """A reader of a page, who does what it says in a copy of the project: each step
    once, and after the earlier ones."""

    def __init__(self, steps: List[Step], folder: Path) -> None:
        self.steps = steps
        self.folder = folder
        self.results: Dict[int, Union[str, BaseException]] = {}

    def output_of(self, i: int) -> str:
        """Return what a step prints. Raises what went wrong in it, if anything."""
        for j in range(i):
            # Benchmarks take long, and nothing needs what they leave.
            if not self.steps[j].text.startswith("python -m benchmarks."):
                self._do_once(j)
        result = self._do_once(i)
        if isinstance(result, BaseException):
            raise result
        return result

    def _do_once(self, i: int) -> Union[str, BaseException]:
        if i not in self.results:
            try:
                self.results[i] = self._do(self.steps[i])
            except (Exception, SystemExit) as error:
                self.results[i] = error
        return self.results[i]

    def _do(self, step: Step) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            # Wheels are built without downloads, with what is installed.
            patch.setenv("PIP_NO_INDEX", "1")
            # Spark takes that of the PATH, which is another one.
            patch.setenv("PYSPARK_PYTHON", sys.executable)
            if step.kind == "command":
                return run_command(step.text, self.folder)
            if step.kind == "example":
                return run_example(step.text)
            (self.folder / step.name).write_text(step.text, encoding="utf8")
            return ""


def make_folder(folder: Path) -> Path:
    """Make a copy of the project, with the files that pages take for the reader's."""
    for name in ("configs", "benchmarks", "assets"):
        (folder / name).symlink_to(ROOT / name)
    for path in (ROOT / "assets" / "sample").glob("*.conllu"):
        (folder / path.name).symlink_to(path)
    texts = [" ".join(words) for words, _ in TRAIN_DATA]
    srsly.write_jsonl(folder / "raw.jsonl", [{"text": text} for text in texts])
    (folder / "texts.txt").write_text("\n".join(texts), encoding="utf8")
    (folder / "vectors.txt").write_text("2 3\ndog 1 2 3\ncat 3 2 1\n", encoding="utf8")
    return folder


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with converted data and with a pipeline that was trained on it, as most
    pages begin with them."""
    folder = make_folder(tmp_path_factory.mktemp("trained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "corpus").mkdir()
        run_spacy("convert", "assets/sample", "corpus", "--converter", "conllu")
        paths = [f"--paths.{name}=corpus/{name}.spacy" for name in ("train", "dev")]
        run_command(
            f"python -m spacy train configs/default.cfg --output training "
            f"{' '.join(paths)} --training.dropout 0.0",
            folder,
        )
    return folder


@pytest.fixture(scope="session")
def readers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], Reader]:
    """Find the reader of a page."""
    known: Dict[str, Reader] = {}

    def find(page: str) -> Reader:
        if page not in known:
            folder = make_folder(tmp_path_factory.mktemp("project"))
            steps = read_steps(page)
            needed = re.search("corpus/|training/model-best", PAGES[page])
            # Some pages begin with converting and training.
            if needed and "mkdir -p corpus" not in PAGES[page]:
                trained = request.getfixturevalue("trained_folder")
                for name in ("corpus", "training"):
                    shutil.copytree(trained / name, folder / name)
            if "en_core_web_md" in PAGES[page]:
                make_installed().to_disk(folder / "en_core_web_md")
            known[page] = Reader(steps, folder)
        return known[page]

    return find


@pytest.mark.parametrize("page,i", all_steps("command"))
def test_a_command_of_a_page_does_what_it_says(
    page: str, i: int, readers: Callable[[str], Reader]
) -> None:
    reader = readers(page)
    skip_without(reader.steps[i])
    command = reader.steps[i].text
    printed = reader.output_of(i)
    assert look_up(command, EXPECTED, "nothing is expected yet") in printed
    if pattern := look_up(command, FILES, ""):
        assert list(reader.folder.glob(pattern))


@pytest.mark.parametrize("page,i", all_steps("example"))
def test_a_python_example_of_a_page_prints_what_it_says(
    page: str, i: int, readers: Callable[[str], Reader]
) -> None:
    reader = readers(page)
    skip_without(reader.steps[i])
    printed = reader.output_of(i)
    promised = re.findall("^# (.*)", reader.steps[i].text, re.MULTILINE)
    assert promised == printed.splitlines()


def test_a_step_that_fails_leaves_the_results_of_others(tmp_path: Path) -> None:
    commands = ["mkdir one", "ls missing", "mkdir two"]
    reader = Reader([Step("command", command) for command in commands], tmp_path)
    assert reader.output_of(2) == ""
    assert (tmp_path / "one").exists()
    with pytest.raises(AssertionError, match="ls missing"):
        reader.output_of(1)


def test_commands_files_and_examples_of_a_page_are_done_in_its_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = (
        "```bash\nmkdir one\n.venv/bin/pytest\nls\n```\n"
        "<!-- a.cfg -->\n```ini\n[nlp]\n```\n```\nnot run\n```\n"
        "```python\nprint(1)\n# 1\n```\n"
    )
    monkeypatch.setitem(pages.PAGES, "page.md", text)
    assert read_steps("page.md") == [
        Step("command", "mkdir one"),
        Step("command", "ls"),
        Step("file", "[nlp]\n", "a.cfg"),
        Step("example", "print(1)\n# 1\n"),
    ]


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_to_files_of_the_project(page: str) -> None:
    links = re.findall(r"\]\(([^)\s#]+)", PAGES[page])
    local = [link for link in links if not re.match("https?:", link)]
    folder = (ROOT / page).parent
    missing = [link for link in local if not (folder / link).exists()]
    assert missing == []


@pytest.mark.parametrize("name", ["demo", "test"])
def test_ci_finds_the_commands_of_the_readme(name: str) -> None:
    readme = PAGES["README.md"]
    (command,) = re.findall(rf"<!-- {name} -->\n```bash\n(.*)\n```", readme)
    assert ".venv/bin/" in command
