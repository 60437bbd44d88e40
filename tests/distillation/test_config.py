"""The config of a student."""

import copy
from pathlib import Path
from typing import Any, Dict

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_lstm_tagger.distillation.config import collect_tags, make_student_config

ROOT = Path(__file__).parents[2]
CONFIGS = [
    "default.cfg",
    "fast.cfg",
    "crf.cfg",
    "static_vectors.cfg",
    "shared_tok2vec.cfg",
]
SILVER, LABELS = Path("silver"), Path("labels.json")
SENTER = {"factory": "senter", "model": {"@architectures": "spacy.Tagger.v2"}}


def make_config(name: str = "default.cfg") -> Config:
    config = load_config(ROOT / "configs" / name)
    if name == "shared_tok2vec.cfg":
        # It can't learn from what is streamed.
        del config["components"]["parser"]
        config["nlp"]["pipeline"].remove("parser")
    return config


def make_student(config: Any = None, gold_share: float = 0.25) -> Config:
    config = make_config() if config is None else config
    return make_student_config(config, SILVER, LABELS, gold_share=gold_share)


def test_the_training_data_is_mixed_in_the_given_proportions() -> None:
    config = make_config()
    mixed = make_student(config)["corpora"]["train"]
    assert mixed["@readers"] == "spacy_lstm_tagger.MixedCorpus.v1"
    assert mixed["proportions"] == {"gold": 0.25, "silver": 0.75}
    assert mixed["corpora"]["gold"] == config["corpora"]["train"]
    assert mixed["corpora"]["silver"] == {
        "@readers": "spacy_lstm_tagger.ShardedCorpus.v1",
        "path": "silver",
    }


def test_training_streams_without_end() -> None:
    student = make_student()
    assert student["training"]["max_epochs"] == -1
    assert student["corpora"]["train"]["repeat"] is True


def test_the_vocabulary_is_built_from_all_data_once() -> None:
    student = make_student()
    callback = student["initialize"]["before_init"]
    assert callback["@callbacks"] == "spacy_lstm_tagger.build_vocabulary.v1"
    assert callback["max_docs"] is None
    assert callback["corpus"]["repeat"] is False
    assert callback["corpus"]["corpora"] == student["corpora"]["train"]["corpora"]


def test_labels_are_read_from_the_file() -> None:
    component = make_student()["initialize"]["components"]["lstm_tagger"]
    assert component["labels"] == {
        "@readers": "spacy.read_labels.v1",
        "path": "labels.json",
        "require": True,
    }


def test_other_settings_of_initialization_are_kept() -> None:
    config = make_config()
    settings = {"tag_dictionary_lower": True}
    config["initialize"]["components"]["lstm_tagger"] = settings
    found = make_student(config)["initialize"]["components"]["lstm_tagger"]
    assert found["tag_dictionary_lower"] is True


def test_another_name_of_the_training_corpus_is_found() -> None:
    config = make_config()
    config["corpora"]["other"] = config["corpora"].pop("train")
    config["training"]["train_corpus"] = "corpora.other"
    student = make_student(config)
    assert student["training"]["train_corpus"] == "corpora.train"
    gold = student["corpora"]["train"]["corpora"]["gold"]
    assert gold == config["corpora"]["other"]


def test_the_config_of_the_tagger_is_left_as_it_was() -> None:
    config = make_config()
    before = copy.deepcopy(config)
    make_student(config)
    assert config == before


def test_everything_else_is_kept() -> None:
    config, student = make_config(), make_student()
    for name in ("paths", "system", "nlp"):
        assert student[name] == config[name]
    changed = {"train_corpus", "max_epochs"}
    for key in config["training"].keys() - changed:
        assert student["training"][key] == config["training"][key]
    assert student["corpora"]["dev"] == config["corpora"]["dev"]


def test_variables_stay_variables() -> None:
    gold = make_student()["corpora"]["train"]["corpora"]["gold"]
    assert gold["path"] == "${paths.train}"
    assert make_student().interpolate()["paths"]["train"] is None


@pytest.mark.parametrize("name", CONFIGS)
def test_the_config_of_a_student_makes_a_pipeline(name: str) -> None:
    config = make_config(name)
    student = Config().from_str(make_student(config).to_str())
    nlp = load_model_from_config(student, auto_fill=False)
    assert "lstm_tagger" in nlp.pipe_names


def without_tagger(config: Config) -> None:
    config["components"] = {"tagger": {"factory": "tagger"}}


def with_callback(config: Config) -> None:
    config["initialize"]["before_init"] = {"@callbacks": "other"}


def with_other_corpus(config: Config) -> None:
    config["training"]["train_corpus"] = "elsewhere.train"


def with_missing_corpus(config: Config) -> None:
    config["training"]["train_corpus"] = "corpora.missing"


def with_stream(config: Config) -> None:
    config["training"]["max_epochs"] = -1


def with_collected_dictionary(config: Config) -> None:
    settings = config["initialize"]["components"].setdefault("lstm_tagger", {})
    settings["tag_dictionary_min_count"] = 3


def with_pretrained_encoder(config: Config) -> None:
    config["paths"]["init_tok2vec"] = "model-last.bin"


def with_trained_component(config: Config) -> None:
    config["components"]["senter"] = SENTER


REFUSED: Dict[Any, str] = {
    with_pretrained_encoder: "'init_tok2vec = model-last.bin' was trained with another",
    with_trained_component: r"with the components \['senter'\]",
    without_tagger: r"\['tagger'\] is an 'lstm_tagger'",
    with_callback: "before_init. is taken",
    with_other_corpus: "'train_corpus = elsewhere.train' names no section",
    with_stream: "streamed .'max_epochs = -1'",
    with_collected_dictionary: "'tag_dictionary_min_count' counts in a sample",
    with_missing_corpus: "'train_corpus = corpora.missing' names no section",
}


@pytest.mark.parametrize("change", REFUSED)
def test_a_config_that_no_student_can_be_made_of_is_refused(change: Any) -> None:
    config = make_config()
    change(config)
    with pytest.raises(ValueError, match=REFUSED[change]):
        make_student(config)


def test_a_component_that_is_not_trained_may_stand_beside_a_student() -> None:
    config = make_config()
    config["components"]["senter"] = SENTER
    config["training"]["frozen_components"] = ["senter"]
    assert make_student(config)["components"]["senter"] == SENTER


def test_components_from_other_pipelines_keep_what_they_have_learned() -> None:
    config = make_config()
    config["components"]["senter"] = SENTER
    source = {"source": "en_core_web_sm"}
    sourced = {"senter": source, "lstm_tagger": source}
    student = make_student_config(
        config, SILVER, LABELS, gold_share=0.25, sourced=sourced
    )
    assert student["components"]["senter"] == source
    assert student["components"]["lstm_tagger"] == config["components"]["lstm_tagger"]


def make_examples(nlp: Language) -> Any:
    for tags in (["NN", "!JJ"], ["", "VB"], ["NN", "!"]):
        doc = Doc(Vocab(), words=["a", "b"], tags=tags)
        yield Example(doc, doc)


def test_tags_are_collected_without_negations() -> None:
    nlp = spacy.blank("xx")
    nlp.add_pipe("lstm_tagger")
    assert collect_tags(make_examples(nlp), nlp.config) == ["!", "JJ", "NN", "VB"]
