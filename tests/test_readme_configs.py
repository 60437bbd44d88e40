"""The blocks of configuration in the README and in docs/: each works in a config."""

import copy
import re
from itertools import accumulate
from pathlib import Path
from typing import Any, List

import pytest
import spacy
import srsly
from spacy.training.initialize import init_nlp
from thinc.api import Config
from util import SMALL, write_corpus

ROOT = Path(__file__).parents[1]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def config_blocks() -> List[Any]:
    """The blocks, each with its file and its first section as a name."""
    blocks = []
    for path in TEXTS:
        text = path.read_text(encoding="utf8")
        for block in re.findall(r"^```ini\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            section = re.findall(r"^\[(.*)\]", block, re.MULTILINE)[0]
            blocks.append(pytest.param(block, id=f"{path.name}:{section}"))
    return blocks


def make_config(folder: Path) -> Config:
    """A config that needs no block, with its corpora in a folder."""
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=copy.deepcopy(SMALL))
    path = str(write_corpus(nlp, folder / "train.spacy"))
    return nlp.config.merge({"paths": {"train": path, "dev": path}})


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the blocks name."""
    monkeypatch.chdir(tmp_path)
    srsly.write_json("dictionary.json", {"apple": ["NN"]})


def parse(block: str) -> Config:
    """Read a block that has the sections above its own in the rest of the config."""
    sections = re.findall(r"^\[(.*)\]", block, re.MULTILINE)
    above = {
        name
        for section in sections
        for name in accumulate(section.split("."), "{}.{}".format)
    }
    missing = sorted(above - set(sections))
    headers = "".join(f"[{name}]\n" for name in missing)
    return Config().from_str(headers + block, interpolate=False)


@pytest.mark.parametrize("block", config_blocks())
def test_a_pipeline_is_initialized_with_a_block_of_the_docs(
    block: str, tmp_path: Path
) -> None:
    settings = parse(block)
    config = make_config(tmp_path).merge(settings)
    nlp = init_nlp(config)
    # No setting of the block was lost or changed.
    assert nlp.config.merge(settings) == nlp.config
    nlp("The dog ate the apple")
