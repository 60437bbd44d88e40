import ast
import importlib.metadata
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Set

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.util import registry
from spacy.vocab import Vocab

import spacy_lstm_tagger

PACKAGE = Path(spacy_lstm_tagger.__file__).parent
ENCODER = "spacy_lstm_tagger.WordCharBiLSTM.v1"
SHARDED = "spacy_lstm_tagger.ShardedCorpus.v1"
ENTRY_POINTS = [
    (entry.group.split("_", 1)[1], entry.name)
    for entry in importlib.metadata.distribution("spacy-lstm-tagger").entry_points
    if entry.group.split("_")[0] in ("spacy", "thinc") and entry.group != "spacy_cli"
]
# Settings that have no default.
REQUIRED: Dict[str, Dict[str, Any]] = {
    "spacy_lstm_tagger.LSTMTagger.v1": {"tok2vec": {"@architectures": ENCODER}},
    "spacy_lstm_tagger.ConcatenatedTok2Vec.v1": {
        "*": {"one": {"@architectures": ENCODER}, "other": {"@architectures": ENCODER}}
    },
    "spacy_lstm_tagger.LSTMCRFTagger.v1": {"tok2vec": {"@architectures": ENCODER}},
    "spacy_lstm_tagger.build_vocabulary.v1": {
        "corpus": {"@readers": "spacy.JsonlCorpus.v1", "path": "train.jsonl"}
    },
    "spacy_lstm_tagger.MixedCorpus.v1": {
        "corpora": {"gold": {"@readers": SHARDED, "path": "train.spacy"}},
        "proportions": {"gold": 1.0},
    },
    SHARDED: {"path": "train.spacy"},
    "spacy_lstm_tagger.tag_to_upos.v1": {"path": "train.spacy"},
}
# What each room may import: other packages, and other rooms of ours. A room may always
# import itself, and what serves all rooms.
FOR_ALL = tuple(
    f"spacy_lstm_tagger.{name}:"
    for name in ("arrays", "compat", "conllu", "files", "progress", "texts")
)
THIRD_PARTY = {
    "": {"spacy", "thinc", "numpy", "tqdm"},
    "encoder": {"spacy", "thinc", "torch", "numpy", "safetensors"},
    "encoder/network": {"torch"},
    "encoder/fast": {"spacy", "thinc", "torch", "numpy"},
    "tags": {"spacy", "thinc", "numpy"},
    "crf": {"numpy"},
    "training": {"spacy", "thinc", "numpy"},
    "evaluation": {"spacy", "numpy"},
    "distillation": {"spacy", "thinc", "numpy"},
    "corpus": {"spacy", "numpy", "pyarrow"},
    "evaluation/report": {"spacy", "numpy", "jinja2", "markupsafe", "matplotlib"},
    "cli": {"spacy", "tqdm", "typer", "wasabi"},
    "cli/debug": {"spacy", "thinc", "numpy", "typer", "wasabi"},
    "cli/init": {"spacy", "thinc", "jinja2", "typer", "wasabi"},
}
OURS = {
    "": {"encoder", "encoder/fast", "tags", "training"},
    "encoder": {"encoder/network", "encoder/fast"},
    "encoder/network": {"encoder"},
    "encoder/fast": {"encoder", "encoder/network"},
    "tags": {"crf"},
    "crf": set(),
    "training": {"encoder", "tags", "crf"},
    "evaluation": {"", "tags"},
    "distillation": {"", "tags", "evaluation"},
    "corpus": {"evaluation"},
    "evaluation/report": {"evaluation"},
    "cli": {
        "",
        "training",
        "distillation",
        "corpus",
        "evaluation",
        "evaluation/report",
        "cli/debug",
        "cli/init",
    },
    "cli/init": {"cli", "training"},
    "cli/debug": {"", "cli", "encoder", "tags", "training", "evaluation"},
}
# Arrays alone, or what all rooms need of the insides of other packages.
THIRD_PARTY_OF_FILES = {
    "arrays.py": {"numpy"},
    "compat.py": {"spacy", "thinc", "torch"},
    "conllu.py": {"spacy"},
    "corpus/cluster.py": {"pyarrow", "ray"},
    "encoder/spacing.py": {"numpy"},
    "encoder/vocabulary.py": {"numpy"},
    "encoder/windows.py": {"numpy"},
    "texts.py": {"spacy"},
}
FILES = sorted(file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py"))


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def imports(name: str) -> Set[str]:
    """The top-level packages that a file imports, and our own modules, by their whole
    names."""
    package = ["spacy_lstm_tagger", *Path(name).parts[:-1]]
    names = set()
    for node in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level]
            module = ".".join([*start, *([node.module] if node.module else [])])
            names.update(f"{module}:{alias.name}" for alias in node.names)
    return names - set(sys.stdlib_module_names)


def room_of(module: str) -> str:
    """The folder of a module, or of a package where that is imported from."""
    path = module.replace(":", ".").split(".")[1:]
    while path and not PACKAGE.joinpath(*path).is_dir():
        path.pop()
    return "/".join(path)


def test_the_names_that_configs_use_are_registered() -> None:
    assert {
        ("factories", "lstm_tagger"),
        ("architectures", ENCODER),
        ("architectures", "spacy_lstm_tagger.LSTMTagger.v1"),
        ("architectures", "spacy_lstm_tagger.LSTMCRFTagger.v1"),
        ("callbacks", "spacy_lstm_tagger.build_vocabulary.v1"),
        ("architectures", "spacy_lstm_tagger.ConcatenatedTok2Vec.v1"),
        ("architectures", "spacy_lstm_tagger.BiLSTMEncoder.v1"),
        ("readers", "spacy_lstm_tagger.tag_to_upos.v1"),
        ("readers", "spacy_lstm_tagger.MixedCorpus.v1"),
        ("readers", "spacy_lstm_tagger.ShardedCorpus.v1"),
    } <= set(ENTRY_POINTS)


@pytest.mark.parametrize("kind, name", ENTRY_POINTS)
def test_every_registered_name_builds_from_its_default_config(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    doc = Doc(Vocab(), words=["a"], tags=["DT"], pos=["DET"])
    DocBin(docs=[doc]).to_disk("train.spacy")
    if kind == "factories":
        nlp = spacy.blank("en")
        assert nlp.add_pipe(name) is nlp.get_pipe(name)
    else:
        config = {"it": {f"@{kind}": name, **REQUIRED.get(name, {})}}
        assert registry.resolve(config)["it"] is not None


def test_the_default_model_of_the_factory_states_every_setting_of_the_encoder() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    config = dict(nlp.config["components"]["lstm_tagger"]["model"]["tok2vec"])
    assert config.pop("@architectures") == ENCODER
    parameters = inspect.signature(registry.architectures.get(ENCODER)).parameters
    assert config == {name: p.default for name, p in parameters.items()}


def test_importing_the_package_imports_neither_torch_nor_spacy() -> None:
    code = (
        "import sys, spacy_lstm_tagger;"
        "print({'torch', 'spacy', 'thinc', 'numpy'} & set(sys.modules))"
    )
    assert run_python(code) == "set()"


def test_what_other_packages_have_inside_is_imported_only_where_it_is_needed() -> None:
    code = (
        "import sys, spacy_lstm_tagger.compat;"
        "print({'torch', 'spacy', 'thinc', 'numpy'} & set(sys.modules))"
    )
    assert run_python(code) == "set()"


# Not private: where spaCy keeps custom attributes, a method of named tuples, and how a
# process ends at once.
PUBLIC = {"_", "_replace", "_exit"}


@pytest.mark.parametrize("name", [f for f in FILES if f != "compat.py"])
def test_a_file_uses_no_private_names_of_other_objects(name: str) -> None:
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf8"))
    private = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and re.match("_(?!_)", node.attr)
        and ast.unparse(node.value) != "self"
    }
    assert {code.split(".")[-1] for code in private} <= PUBLIC


def test_the_component_is_found_without_importing_anything_of_ours() -> None:
    code = (
        "import sys, spacy;"
        "assert not any(m.startswith('spacy_lstm_tagger') for m in sys.modules);"
        "pipe = spacy.blank('en').add_pipe('lstm_tagger');"
        "print(type(pipe).__name__)"
    )
    assert run_python(code) == "LSTMTagger"


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_only_what_its_room_may(name: str) -> None:
    room = Path(name).parent.as_posix().removeprefix(".")
    found = imports(name)
    ours = {module for module in found if module.startswith("spacy_lstm_tagger.")}
    assert found - ours <= THIRD_PARTY_OF_FILES.get(name, THIRD_PARTY[room])
    rooms = {room_of(m) for m in ours if not m.startswith(FOR_ALL)}
    assert rooms - {room} <= OURS[room]


def test_every_room_says_what_it_is_for() -> None:
    for room in OURS:
        source = (PACKAGE / room / "__init__.py").read_text(encoding="utf8")
        assert ast.get_docstring(ast.parse(source)), room


def test_the_component_gets_its_architectures_through_the_registry() -> None:
    assert not any("architectures" in module for module in imports("lstm_tagger.py"))
