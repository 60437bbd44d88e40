"""spaCy's own tests of its tagger, run against `lstm_tagger`."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest
import spacy
from spacy.cli.package import get_third_party_dependencies

TESTS = Path(__file__).parent
SPACY_TESTS = Path(spacy.__file__).parent / "tests"
# Modules that are run in one process, most of whose time is that of starting.
GROUPS = {
    "tagger": ["pipeline/test_tagger.py"],
    "pipeline": [
        "pipeline/test_pipe_methods.py",
        "pipeline/test_pipe_factories.py",
        "pipeline/test_models.py",
        "pipeline/test_tok2vec.py",
    ],
    "serialize": [
        "serialize/test_serialize_pipeline.py",
        "serialize/test_serialize_config.py",
        "serialize/test_serialize_doc.py",
        "serialize/test_serialize_language.py",
        "serialize/test_resource_warning.py",
    ],
    "training": ["training/test_rehearse.py", "training/test_training.py"],
    "pretraining": ["training/test_pretraining.py"],
    "commands": ["test_cli.py", "test_ty.py"],
}
NETWORK = "It downloads spaCy's table of compatible models."
NO_TAGGER = "It has no tagger, and trains for longer than all others of its module."
LEFT_OUT: Dict[str, str] = {
    "test_cli.py::test_download_compatibility": NETWORK,
    "test_cli.py::test_validate_compatibility_table": NETWORK,
    "test_cli.py::test_cli_find_threshold": NO_TAGGER,
    "test_cli.py::test_get_third_party_dependencies": (
        "It asserts that the component comes with spaCy itself. That ours is found "
        "as a requirement is tested below instead."
    ),
}


def run_suite(*arguments: str) -> Dict[str, int]:
    """Run spaCy's tests with our plugin, and count those that passed, failed, …"""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "spacy_tagger_plugin", "-q"]
        + ["-p", "no:cacheprovider", "-W", "ignore", "--tb=short", "-c", os.devnull]
        + [f"--rootdir={SPACY_TESTS}", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    summary = done.stdout.strip().splitlines()[-1]
    return {kind: int(n) for n, kind in re.findall(r"(\d+) ([a-z]+)", summary)}


@pytest.mark.parametrize("group", GROUPS)
def test_the_tests_of_spacy_pass(group: str) -> None:
    modules = GROUPS[group]
    left_out = [test for test in LEFT_OUT if test.startswith(tuple(modules))]
    counts = run_suite(
        *(f"--deselect={test}" for test in left_out),
        *(str(SPACY_TESTS / module) for module in modules),
    )
    assert counts["passed"] > 0
    # A test that spaCy renames or removes is to leave the list, too.
    assert counts.get("deselected", 0) == len(left_out)
    if group == "tagger":
        (source,) = (SPACY_TESTS.joinpath(m).read_text("utf8") for m in modules)
        assert counts["passed"] == source.count("def test_")
        assert "skipped" not in counts


def test_the_package_is_found_as_a_requirement_of_pipelines() -> None:
    nlp = spacy.blank("nl")
    nlp.add_pipe("lstm_tagger")
    (requirement,) = get_third_party_dependencies(nlp.config)
    assert requirement.startswith("spacy-lstm-tagger>=")
