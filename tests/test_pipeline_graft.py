"""A trained tagger takes the place of the tagger of an installed pipeline."""

import warnings
from pathlib import Path
from typing import List

import pytest
import spacy
from spacy.language import Language
from util import (
    make_doc,
    make_examples,
    make_installed,
    run_spacy,
    small,
    tag_all,
    tags_of,
)

from spacy_lstm_tagger.training.build_vocabulary import find_encoders

NAMES = ["tok2vec", "lstm_tagger", "attribute_ruler", "ner"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("installed") / "en_core_web_md"
    make_installed().to_disk(path)
    return path


def graft(installed: Path, source: Language) -> Language:
    nlp = spacy.load(installed)
    nlp.remove_pipe("tagger")
    nlp.add_pipe("lstm_tagger", source=source, before="attribute_ruler")
    return nlp


def add_new(installed: Path, **settings: bool) -> Language:
    """Put a new tagger into the pipeline and initialize it alone."""
    nlp = spacy.load(installed)
    nlp.remove_pipe("tagger")
    config = small(**settings)
    tagger = nlp.add_pipe("lstm_tagger", config=config, before="attribute_ruler")
    examples = make_examples(nlp)
    tagger.initialize(lambda: examples, nlp=nlp)  # type: ignore[attr-defined]
    return nlp


def entities(nlp: Language) -> List[str]:
    return [token.ent_type_ for token in nlp(make_doc(nlp))]


@pytest.mark.filterwarnings("ignore:.*W113")
def test_the_attribute_ruler_of_the_trained_pipeline_comes_along(
    installed: Path, shared_trained: Language
) -> None:
    source = Language(shared_trained.vocab)
    source.add_pipe("lstm_tagger", source=shared_trained)
    ruler = source.add_pipe("attribute_ruler")
    ruler.add([[{"TAG": "NN"}]], {"POS": "PROPN"})  # type: ignore[attr-defined]
    nlp = graft(installed, source)
    nlp.remove_pipe("attribute_ruler")
    nlp.add_pipe("attribute_ruler", source=source, after="lstm_tagger")
    assert nlp.pipe_names == NAMES
    doc = nlp(make_doc(nlp))
    assert [token.pos_ for token in doc if token.tag_ == "NN"] == ["PROPN", "PROPN"]


@pytest.mark.filterwarnings("ignore:.*W113")
def test_a_grafted_tagger_tags_as_before_and_others_read_its_tags(
    installed: Path, shared_trained: Language, tmp_path: Path
) -> None:
    graft(installed, shared_trained).to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    assert nlp.pipe_names == NAMES
    assert tag_all(nlp) == tag_all(shared_trained)
    assert entities(nlp) == entities(spacy.load(installed))
    doc = nlp(make_doc(nlp))
    assert [token.pos_ for token in doc if token.tag_ == "NN"] == ["NOUN", "NOUN"]


def test_w113_warns_of_other_vectors_and_the_tags_do_not_depend_on_them(
    installed: Path, shared_trained: Language
) -> None:
    with pytest.warns(UserWarning, match="W113.*'lstm_tagger'"):
        nlp = graft(installed, shared_trained)
    (encoder,) = find_encoders(nlp.get_pipe("lstm_tagger").model)  # type: ignore
    assert not encoder.attrs["settings"].include_static_vectors
    nlp.vocab.vectors.data[:] = 0
    assert tag_all(nlp) == tag_all(shared_trained)


def test_there_is_no_w113_if_the_tagger_was_trained_with_the_same_vectors(
    installed: Path,
) -> None:
    source = add_new(installed, include_static_vectors=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*W113")
        nlp = graft(installed, source)
    assert tag_all(nlp) == tag_all(source)


def test_e884_is_cured_by_initializing_the_new_component_alone(installed: Path) -> None:
    nlp = add_new(installed)
    before = entities(nlp)
    with pytest.raises(OSError, match=r"E884.*corpus/en_vectors"):
        spacy.load(installed).initialize()
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    examples = make_examples(nlp)
    with nlp.select_pipes(enable="lstm_tagger"):
        for _ in range(60):
            nlp.update(examples, sgd=optimizer)
    assert entities(nlp) == before
    wanted = tags_of(examples[0].reference)
    assert tags_of(nlp(make_doc(nlp))) == wanted


def write_config(installed: Path, trained: Path, folder: Path, vectors: str) -> Path:
    sources = dict.fromkeys(NAMES, installed) | {"lstm_tagger": trained}
    lines = [f"[nlp]\nlang = 'en'\npipeline = {NAMES}".replace("'", '"')]
    lines.append("[components]")
    lines += [f'[components.{n}]\nsource = "{path}"' for n, path in sources.items()]
    lines.append(f"[initialize]\nvectors = {vectors}")
    path = folder / "graft.cfg"
    path.write_text("\n\n".join(lines), encoding="utf8")
    return path


@pytest.mark.parametrize("has_vectors", [True, False])
def test_w113_of_an_assembled_pipeline_names_those_whose_vectors_are_others(
    has_vectors: bool, installed: Path, shared_trained: Language, tmp_path: Path
) -> None:
    trained = tmp_path / "model-best"
    shared_trained.to_disk(trained)
    vectors = f'"{installed}"' if has_vectors else "null"
    config = write_config(installed, trained, tmp_path, vectors)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_spacy("assemble", config, tmp_path / "assembled")
    messages = [str(w.message) for w in caught if "W113" in str(w.message)]
    named = {name for name in NAMES if any(f"'{name}'" in m for m in messages)}
    assert named == ({"lstm_tagger"} if has_vectors else set(NAMES) - {"lstm_tagger"})
    nlp = spacy.load(tmp_path / "assembled")
    assert tag_all(nlp) == tag_all(shared_trained)
