"""`spacy debug lstm-tagger`, and the figures of tag data that it prints."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import pytest
import spacy
import srsly
from spacy.cli._util import app
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import load_config
from typer.testing import CliRunner

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli
from spacy_lstm_tagger.cli.debug.tag_data import TagData, collect_tag_data
from spacy_lstm_tagger.training.build_vocabulary import build_vocabulary

DEMO_CONFIG = Path(__file__).parents[2] / "configs" / "demo.cfg"

# word/TAG; _ stands for whitespace, + for a token that the next one is joined to.
TRAIN = [
    "The/DT saw/NN cuts/VBZ ./.",
    "We/PRP saw/VBD it/PRP ./.",
    "We/PRP saw/!NN the/DT dog+/NN house/NN",
    "Mark/NNP _/_SP saw/VBD mark/NN",
    "no/ tag/ here/RB",
]
DEV = ["The/DT bird+/NN cage/JJ is/VBZ new/JJ", "We/PRP saw/!NN Mark/NNP ?/."]


def parse(vocab: Any, sentence: str) -> Doc:
    pairs = [token.rsplit("/", 1) for token in sentence.split()]
    return Doc(
        vocab,
        words=[word.strip("+").replace("_", " ") for word, _ in pairs],
        spaces=[not word.endswith("+") and word != "_" for word, _ in pairs],
        tags=[tag for _, tag in pairs],
        sent_starts=[i == 0 for i in range(len(pairs))],
    )


def collect(sentences: Sequence[str], neg_prefix: str = "!") -> TagData:
    nlp = spacy.blank("en")
    gold = [parse(nlp.vocab, sentence) for sentence in sentences]
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in gold]
    return collect_tag_data(examples, neg_prefix=neg_prefix)


def test_tags_are_counted_as_training_sees_them() -> None:
    data = collect(TRAIN)
    # `dog` and `house` are one token to the tokenizer, with one tag.
    assert data.tags == {
        "NN": 3,
        "DT": 2,
        ".": 2,
        "PRP": 3,
        "VBD": 2,
        "VBZ": 1,
        "NNP": 1,
        "_SP": 1,
        "RB": 1,
    }
    assert data.negated == {"NN": 1}
    assert data.whitespace_tags == {"_SP": 1}
    assert data.n_missing == 2
    assert data.n_misaligned == 0
    assert data.n_whitespace == 1


def test_parts_with_different_tags_make_a_token_misaligned() -> None:
    data = collect(DEV)
    assert data.n_misaligned == 1
    assert data.tags == {"DT": 1, "VBZ": 1, "JJ": 1, "PRP": 1, "NNP": 1, ".": 1}


def test_a_prefix_can_be_chosen_and_left_out() -> None:
    assert collect(["a/-X b/!Y c/-"], neg_prefix="-").negated == {"X": 1}
    data = collect(["a/-X b/!Y c/-"], neg_prefix="")
    assert not data.negated
    assert data.tags == {"-X": 1, "!Y": 1, "-": 1}


def test_lengths_are_those_of_docs_and_gold_sentences() -> None:
    data = collect(TRAIN)
    assert data.doc_lengths == [4, 4, 4, 3, 3]
    assert data.n_docs == 5
    assert data.n_words == 18
    assert data.sentence_lengths == [4, 4, 5, 4, 3]
    assert data.n_joined == 0


def test_docs_of_several_sentences_are_counted() -> None:
    nlp = spacy.blank("en")
    doc = Doc.from_docs([parse(nlp.vocab, sentence) for sentence in TRAIN[:2]])
    data = collect_tag_data([Example(nlp.make_doc(doc.text), doc)])
    assert data.n_joined == 1
    assert data.sentence_lengths == [4, 4]
    assert data.doc_lengths == [8]


def test_docs_without_sentences_and_without_tokens_are_counted() -> None:
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=["a", "b"]), Doc(nlp.vocab)]
    data = collect_tag_data([Example(doc.copy(), doc) for doc in docs])
    assert data.doc_lengths == [2, 0]
    assert data.sentence_lengths == []
    assert data.n_missing == 2
    assert not data.tags


def test_ambiguous_forms_have_several_tags_and_the_most_frequent_come_first() -> None:
    more = ["that/DT that/IN that/WDT that/DT", "b/X a/X b/Y a/Y"]
    assert collect(TRAIN + more).ambiguous_forms() == [
        ("that", Counter({"DT": 2, "IN": 1, "WDT": 1})),
        ("saw", Counter({"VBD": 2, "NN": 1})),
        ("a", Counter({"X": 1, "Y": 1})),
        ("b", Counter({"X": 1, "Y": 1})),
    ]


def test_unknown_words_are_those_that_the_vocabulary_does_not_have() -> None:
    nlp = spacy.blank("en")
    vocabulary = build_vocabulary(nlp.make_doc(text) for text in ["the dog", "mark it"])
    # `mark` is also a symbol of spaCy's, which has an id instead of a hash.
    data = collect(["The/DT Mark/NNP mark/NN new/JJ new/JJ one/NN"])
    assert data.unknown_words(vocabulary) == {"new": 2, "one": 1}


def write(folder: Path, name: str, sentences: Sequence[str]) -> Path:
    nlp = spacy.blank("en")
    docs = [parse(nlp.vocab, sentence) for sentence in sentences]
    DocBin(docs=docs).to_disk(folder / f"{name}.spacy")
    return folder / f"{name}.spacy"


def run(
    folder: Path,
    *arguments: str,
    train: Sequence[str] = TRAIN,
    dev: Sequence[str] = DEV,
    config: Optional[Dict[str, Any]] = None,
    code: int = 0,
) -> str:
    """Run the command and return its output, each message on one line."""
    base = load_config(DEMO_CONFIG)
    base.merge(config or {}).to_disk(folder / "config.cfg")
    command = ["debug", "lstm-tagger", str(folder / "config.cfg"), "--no-format"]
    paths = [
        *("--paths.train", str(write(folder, "train", train))),
        *("--paths.dev", str(write(folder, "dev", dev))),
        *("--corpora.train.gold_preproc", "false"),
        *("--corpora.dev.gold_preproc", "false"),
    ]
    result = CliRunner().invoke(app, [*command, *paths, *arguments])
    assert result.exit_code == code, result.output
    return result.output


def row(output: str, first: str) -> List[str]:
    """The cells of a table that follow the first one."""
    (line,) = re.findall(rf"^{re.escape(first)}  +(\S.*?) *$", output, re.MULTILINE)
    return re.split(r"  +", line)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    return run(tmp_path_factory.mktemp("debug"))


def test_the_command_prints_sizes(printed: str) -> None:
    assert row(printed, "Docs") == ["5", "2"]
    assert row(printed, "Words") == ["18", "8"]
    assert row(printed, "Words per doc") == ["3.6 (max 4)", "4.0 (max 4)"]
    assert row(printed, "Sentences") == ["5", "2"]
    assert row(printed, "Tokens per sentence") == ["4.0 (max 5)", "4.5 (max 5)"]
    assert row(printed, "Whitespace tokens") == ["1", "0"]


def test_the_command_prints_tags_of_both_splits(printed: str) -> None:
    assert "9 tag(s) in train data, 6 in dev data" in printed
    assert row(printed, "NN") == ["3", "0"]
    assert row(printed, "DT") == ["2", "1"]
    assert row(printed, "JJ") == ["0", "1"]
    assert (
        "4 tag(s) found only in the train data, so not evaluated: 'NN' (3), 'VBD' (2), "
        "'RB' (1), '_SP' (1)\n" in printed
    )
    assert "1 tag(s) found only in the dev data, so not learned: 'JJ' (1)\n" in printed
    assert "Low number of tokens for 9 tag(s) in the train data: 'NN' (3)" in printed


def test_the_command_prints_negated_tags(printed: str) -> None:
    assert "1 token(s) in train data with a negated tag: '!NN' (1)\n" in printed
    assert "1 token(s) in dev data with a negated tag, which count as" in printed


def test_the_command_prints_unknown_words_and_ambiguous_forms(printed: str) -> None:
    assert "4 of 8 words in dev data are unknown (50.0%)\n" in printed
    assert "words: '?' (1), 'birdcage' (1), 'is' (1), 'new' (1)\n" in printed
    assert "1 form(s) with more than one tag in train data: 20.0% of the" in printed
    assert row(printed, "saw") == ["3", "'VBD' (2), 'NN' (1)"]


def test_the_command_prints_lengths_and_tokens_without_a_tag(printed: str) -> None:
    assert "All docs fit into the window of 256 tokens\n" in printed
    assert "No training doc has more than one sentence\n" in printed
    assert "1 misaligned tokens in the dev data (12.5%)\n" in printed
    assert "misaligned tokens in the training data" not in printed
    assert "2 tokens without a tag in the training data (11.1%)\n" in printed


def test_the_command_ends_with_advice_and_numbers(printed: str) -> None:
    summary = printed[printed.index("Summary") :]
    assert "'spacy_lstm_tagger.join_sentences.v1'" in summary
    assert "include_static_vectors = true" in summary
    assert summary.endswith("3 checks passed\n8 warnings\n")
    assert summary.count("\n- ") == 6


def test_good_data_has_no_warnings(tmp_path: Path) -> None:
    train = ["The/DT dog/NN"] * 10
    joined = {"corpora": {"train": {"augmenter": join_augmenter()}}}
    output = run(
        tmp_path, train=train, dev=["The/DT cat/NN the/DT dog/NN"] * 2, config=joined
    )
    # Runs of sentences that the augmenter adds are not counted.
    assert row(output, "DT") == ["10", "4"]
    assert row(output, "Docs") == ["10", "2"]
    assert "Good amount of tokens for all tags\n" in output
    assert "All tags of the dev data are in the train data\n" in output
    assert "All words have a tag\n" in output
    assert "No form with more than one tag in train data\n" in output
    # One of four words is unknown, which is many.
    assert output.endswith("6 checks passed\n1 warning\n")


def join_augmenter() -> Dict[str, Any]:
    return {"@augmenters": "spacy_lstm_tagger.join_sentences.v1", "max_sentences": 3}


def test_data_without_tags_is_an_error(tmp_path: Path) -> None:
    output = run(tmp_path, train=["no/ tags/"], code=1)
    assert "No tags in the train data\n" in output
    assert "No tags in the dev data\n" not in output
    assert output.endswith("1 error\n")


def test_dev_data_without_tags_is_an_error(tmp_path: Path) -> None:
    output = run(tmp_path, dev=["no/ tags/"], code=1)
    assert "No tags in the dev data\n" in output


def test_labels_that_lack_a_tag_are_an_error(tmp_path: Path) -> None:
    srsly.write_json(tmp_path / "labels.json", ["DT", "NN", "XX"])
    reader = {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "labels.json")}
    config = {"initialize": {"components": {"lstm_tagger": {"labels": reader}}}}
    output = run(tmp_path, train=["a/DT dog/NN barks/VBZ"], config=config, code=1)
    assert "1 tag(s) in train data are not labels of the component: 'VBZ' (1)" in output
    assert "degraded for these labels after training: 'XX'\n" in output


def test_docs_are_compared_with_the_window_of_the_encoder(tmp_path: Path) -> None:
    window = "--components.lstm_tagger.model.tok2vec.window"
    overlap = "--components.lstm_tagger.model.tok2vec.window_overlap"
    tok2vec = {"window": 8, "window_overlap": 1}
    config = {"components": {"lstm_tagger": {"model": {"tok2vec": tok2vec}}}}
    output = run(tmp_path, window, "3", overlap, "1", config=config)
    assert "3 training docs and 2 evaluation docs are longer than the window" in output


def test_tokens_that_are_sentences_are_found(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["a", "b"], tags=["X", "Y"], sent_starts=[True, True])
    path = tmp_path / "broken.spacy"
    DocBin(docs=[doc]).to_disk(path)
    output = run(tmp_path, "--paths.train", str(path))
    assert "Sentences in the train data have 1.0 tokens on average" in output
    assert "If the data was converted from CoNLL-U" in output


def test_whitespace_that_has_several_tags_is_found(tmp_path: Path) -> None:
    output = run(tmp_path, train=["a/X _/_SP b/Y", "a/X _/NFP b/Y"])
    assert "Whitespace has 2 tags in train data, but is not read" in output
    assert "'NFP' (1), '_SP' (1)\n" in output


def test_a_rare_word_is_unknown_to_an_encoder_that_leaves_it_out(
    tmp_path: Path,
) -> None:
    tok2vec = {"min_word_count": 2}
    config = {"components": {"lstm_tagger": {"model": {"tok2vec": tok2vec}}}}
    data = ["often/X often/X once/Y"]
    output = run(tmp_path, train=data, dev=data, config=config)
    assert "1 of 3 words in dev data are unknown (33.3%)\n" in output


def test_scores_on_the_training_data_are_warned_of(tmp_path: Path) -> None:
    output = run(tmp_path, dev=TRAIN)
    assert "0 of 18 words in dev data are unknown (0.0%), so the scores" in output


def test_each_tagger_is_reported_with_the_encoder_that_it_listens_to(
    tmp_path: Path,
) -> None:
    base = load_config(DEMO_CONFIG)
    encoder = base["components"]["lstm_tagger"]["model"]["tok2vec"]
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": encoder["width"]}
    architecture = "spacy_lstm_tagger.LSTMTagger.v1"
    second = {
        "factory": "lstm_tagger",
        "neg_prefix": "?",
        "model": {"@architectures": architecture, "tok2vec": listener},
    }
    config = {
        "nlp": {"pipeline": ["tok2vec", "lstm_tagger", "second"]},
        "components": {
            "tok2vec": {"factory": "tok2vec", "model": {**encoder, "window": 99}},
            "second": second,
        },
    }
    output = run(tmp_path, config=config)
    first, other = output.split("Part-of-speech Tagging: second")
    assert "window of 256 tokens" in first
    assert "window of 99 tokens" in other
    assert "1 token(s) in train data with a negated tag" in first
    assert "with a negated tag" not in other
    assert row(other.split("Summary")[0], "!NN") == ["1", "1"]


def test_a_pipeline_without_our_tagger_is_an_error(tmp_path: Path) -> None:
    base = load_config(DEMO_CONFIG)
    base["nlp"]["pipeline"] = ["sentencizer"]
    base["components"] = {"sentencizer": {"factory": "sentencizer"}}
    base.to_disk(tmp_path / "config.cfg")
    command = ["debug", "lstm-tagger", str(tmp_path / "config.cfg"), "--no-format"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "['sentencizer'] has the factory 'lstm_tagger'" in result.output


def test_each_token_that_is_a_sentence_is_told_from_no_boundaries(
    tmp_path: Path,
) -> None:
    nlp = spacy.blank("en")
    # Single tokens are sentences to spaCy, whether or not they are annotated.
    pairs = [(["a", "b", "c"], ["X", "Y", "X"]), (["Yes"], ["Z"]), (["No"], ["Z"])]
    docs = [Doc(nlp.vocab, words=words, tags=tags) for words, tags in pairs]
    DocBin(docs=docs).to_disk(tmp_path / "unknown.spacy")
    output = run(tmp_path, "--paths.train", str(tmp_path / "unknown.spacy"))
    assert row(output, "Sentences")[0] == "-"
    assert "No sentence boundaries in the train data" in output
    assert "tokens on average" not in output
    assert "CoNLL-U" not in output
    assert "No training doc has more than one sentence" not in output
    assert "join_sentences" in output


def test_single_words_are_no_wrong_boundaries(tmp_path: Path) -> None:
    output = run(tmp_path, train=[*TRAIN[:2], *["Yes/UH"] * 20])
    assert row(output, "Sentences") == ["22", "2"]
    assert "tokens on average" not in output


def test_a_single_tag_is_warned_of(tmp_path: Path) -> None:
    output = run(tmp_path, train=["a/X b/X c/X"], dev=["a/X b/X"])
    assert "Only one tag in the train data: 'X'\n" in output
    summary = output[output.index("Summary") :]
    assert "can only learn to give that tag to all tokens" in summary
    assert "Only one tag" not in run(tmp_path)


def with_second(factory: str, name: str, **settings: Any) -> Dict[str, Any]:
    """Changes of the config: a component before ours, and settings of ours."""
    return {
        "nlp": {"pipeline": [name, "lstm_tagger"]},
        "components": {name: {"factory": factory}, "lstm_tagger": settings},
    }


@pytest.mark.parametrize("factory", ["tagger", "lstm_tagger"])
def test_tags_that_a_component_before_ours_sets_are_warned_of(
    factory: str, tmp_path: Path
) -> None:
    output = run(tmp_path, config=with_second(factory, "first"))
    warning = "The component 'first' sets tags before 'lstm_tagger'"
    assert output.count(warning) == 1
    summary = output[output.index("Summary") :]
    assert "Set 'overwrite = true' for 'lstm_tagger'" in summary


def test_tags_that_are_overwritten_or_set_later_are_not_warned_of(
    tmp_path: Path,
) -> None:
    config = with_second("tagger", "first", overwrite=True)
    assert "sets tags before" not in run(tmp_path, config=config)
    config = with_second("tagger", "last")
    config["nlp"]["pipeline"].reverse()
    assert "sets tags before" not in run(tmp_path, config=config)
    config = with_second("morphologizer", "first")
    assert "sets tags before" not in run(tmp_path, config=config)


def test_spacy_finds_the_commands_and_loads_nothing_else_for_them() -> None:
    """The module is imported whatever command is run."""
    code = (
        "import sys, spacy.cli; before = set(sys.modules);"
        "import spacy_lstm_tagger.cli; print(*(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    names = set(done.stdout.split())
    cli = {name for name in names if name.startswith("spacy_lstm_tagger.cli")}
    # They are small, and import no more than spaCy's own commands do.
    light = {
        f"spacy_lstm_tagger.{name}"
        for name in (
            *("checksum", "compat", "conllu", "corpus", "corpus.options", "files"),
            *("progress", "texts"),
        )
    }
    assert names - cli == {"spacy_lstm_tagger", *light}
    assert "spacy_lstm_tagger.cli.debug.command" not in cli
    found = spacy.registry.cli.get_all()
    assert found["lstm-tagger"] is spacy_lstm_tagger.cli.lstm_tagger_cli
