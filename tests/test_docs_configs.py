"""Each block of configuration in the README and in docs/ works in a config."""

import copy
import itertools
import re
from pathlib import Path
from typing import Any, List

import pytest
import spacy
import srsly
from pages import PAGES, read_blocks
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from thinc.api import Config
from util import SMALL, make_examples, make_installed


def config_blocks() -> List[Any]:
    """Return the blocks, each with its page and its first section as a name."""
    blocks = []
    for page in PAGES:
        for block in read_blocks(page, "ini"):
            section = re.findall(r"^\[(.*)\]", block, re.MULTILINE)[0]
            blocks.append(pytest.param(block, id=f"{page}:{section}"))
    return blocks


def make_config(folder: Path) -> Config:
    """Return a config that needs no block, with its corpora in a folder. They have UPOS
    and morphology, too."""
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=copy.deepcopy(SMALL))
    docs = [example.reference for example in make_examples(nlp)]
    for token in itertools.chain(*docs):
        token.pos_ = "NOUN"
        token.set_morph("Number=Sing")
    path = str(folder / "train.spacy")
    DocBin(docs=docs).to_disk(path)
    return nlp.config.merge({"paths": {"train": path, "dev": path}})


@pytest.fixture(scope="module")
def installed() -> Language:
    return make_installed()


@pytest.fixture(autouse=True)
def files(
    installed: Language,
    shared_trained: Language,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The files and pipelines that the blocks name."""
    monkeypatch.chdir(tmp_path)
    srsly.write_json("dictionary.json", {"apple": ["NN"]})
    (tmp_path / "student").mkdir()
    srsly.write_json("student/labels.json", ["ADV", "DET", "NN", "NNS", "PRON", "V"])
    (tmp_path / "silver").mkdir()
    reference = make_examples(installed)[0].reference
    DocBin(docs=[reference]).to_disk("silver/texts.spacy")
    installed.to_disk("en_core_web_md")
    (tmp_path / "training").mkdir()
    shared_trained.to_disk("training/model-best")


def parse(block: str) -> Config:
    """Read a block that has the sections above its own in the rest of the config."""
    sections = re.findall(r"^\[(.*)\]", block, re.MULTILINE)
    above = {
        name
        for section in sections
        for name in itertools.accumulate(section.split("."), "{}.{}".format)
    }
    missing = sorted(above - set(sections))
    headers = "".join(f"[{name}]\n" for name in missing)
    return Config().from_str(headers + block, interpolate=False)


@pytest.mark.parametrize("block", config_blocks())
def test_a_pipeline_is_initialized_with_a_block_of_the_docs(
    block: str, tmp_path: Path
) -> None:
    settings = parse(block)
    config = make_config(tmp_path)
    components = settings.get("components", {})
    # What comes from another pipeline has its settings from there.
    for name in [name for name in components if "source" in components[name]]:
        config["components"].pop(name, None)
    nlp = init_nlp(config.merge(settings))
    # No other setting of the block was lost or changed.
    settings["components"] = {
        name: component
        for name, component in components.items()
        if "source" not in component
    }
    assert nlp.config.merge(settings) == nlp.config
    nlp("The dog ate the apple")
