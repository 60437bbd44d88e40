"""The command `lstm-tagger distill`."""

import logging
import os
import shutil
import signal
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Set

import pytest
import spacy
import srsly
from spacy.cli import app
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Corpus
from spacy.util import load_config, logger
from spacy.vocab import Vocab
from test_errors import assert_refused
from typer.testing import CliRunner
from util import (
    SMALL,
    TRAIN_DATA,
    encoder_of,
    make_trained,
    run_forked,
    run_spacy,
    write_corpus,
)

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli  # noqa: F401
from spacy_lstm_tagger.distillation import config as student_config
from spacy_lstm_tagger.distillation import shards

CONFIG = Path(__file__).parents[2] / "configs" / "demo.cfg"
GOLD = TRAIN_DATA[:4]
# With words and a tag that the other data does not have.
TAUGHT = [*TRAIN_DATA, (["Wow", "!"], ["UH", "PUNCT"])]
TEXTS = [" ".join(words) for words, _ in TAUGHT]
SHORT = {"max_steps": 4, "eval_frequency": 2}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows can't fork")


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Make small shards, and shuffle few examples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_CHARACTERS", 60)
        patch.setattr(student_config, "SHUFFLE_BUFFER", 20)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a teacher, texts, gold data and configs."""
    folder = tmp_path_factory.mktemp("distill")
    nlp = make_trained(TAUGHT)
    nlp.to_disk(folder / "teacher")
    write_corpus(nlp, folder / "gold.spacy", GOLD)
    (folder / "texts.txt").write_text("\n".join(TEXTS))
    config = load_config(CONFIG)
    config["paths"].update(
        train=str(folder / "gold.spacy"), dev=str(folder / "gold.spacy")
    )
    config["training"].update(SHORT)
    config["components"]["lstm_tagger"]["model"]["tok2vec"].update(
        SMALL["model"]["tok2vec"]
    )
    config.to_disk(folder / "config.cfg")
    return folder


def command(folder: Path, output: Path, *more: Any, **changes: Any) -> List[Any]:
    """Return the command that distils, with other arguments where they are given."""
    names = {"teacher": "teacher", "config": "config.cfg", "texts": "texts.txt"}
    names.update(changes)
    paths = [folder / name for name in names.values()]
    return ["lstm-tagger", "distill", *paths, *more, "--output", output]


@pytest.fixture(scope="module")
def distilled(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of one run."""
    output = tmp_path_factory.mktemp("distill") / "output"
    run_spacy(*command(folder, output))
    return output


def words_of(nlp: Language) -> Set[str]:
    vocabulary = encoder_of(nlp).shims[0].module.vocabulary
    return {nlp.vocab.strings[word] for word in vocabulary.words.tolist()}


def times(folder: Path) -> Dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def weights(folder: Path) -> bytes:
    return (folder / "model-last" / "lstm_tagger" / "model").read_bytes()


# A whole run.


def test_the_output_has_the_silver_data_the_config_and_the_pipelines(
    distilled: Path,
) -> None:
    expected = ["config.cfg", "labels.json", "model-best", "model-last", "silver"]
    assert sorted(path.name for path in distilled.iterdir()) == expected


def test_the_silver_data_are_the_texts_as_the_teacher_tags_them(
    folder: Path, distilled: Path
) -> None:
    files = sorted((distilled / "silver").glob("*.spacy"))
    assert len(files) > 1
    docs = [d for file in files for d in DocBin().from_disk(file).get_docs(Vocab())]
    assert [doc.text for doc in docs] == TEXTS
    nlp = spacy.load(folder / "teacher")
    for doc in docs:
        assert [t.tag_ for t in doc] == [t.tag_ for t in nlp(doc.text)]


def test_the_student_has_the_tags_and_the_words_of_all_data(distilled: Path) -> None:
    nlp = spacy.load(distilled / "model-best")
    tags = {tag for _, tags in [*GOLD, *TAUGHT] for tag in tags}
    assert set(nlp.get_pipe("lstm_tagger").labels) == tags  # type: ignore[attr-defined]
    assert srsly.read_json(distilled / "labels.json") == sorted(tags)
    assert {"wow", "apples", "house"} <= words_of(nlp)


def test_the_student_tags_texts(distilled: Path) -> None:
    doc = spacy.load(distilled / "model-best")(TEXTS[0])
    assert all(token.tag_ for token in doc)


def test_the_config_is_complete_and_trains_the_same_student(
    distilled: Path, tmp_path: Path
) -> None:
    path = distilled / "config.cfg"
    config = load_config(path)
    run_spacy("init", "fill-config", path, tmp_path / "filled.cfg")
    assert load_config(tmp_path / "filled.cfg") == config
    run_spacy("train", path, "--output", tmp_path / "training")
    assert weights(tmp_path / "training") == weights(distilled)


def test_a_student_learns_what_only_the_texts_have(
    folder: Path, tmp_path: Path
) -> None:
    settings = ["--training.max_steps", 80, "--training.eval_frequency", 80]
    settings += ["--training.optimizer.learn_rate", 0.01, "--training.dropout", 0.0]
    run_spacy(*command(folder, tmp_path, *settings))
    doc = spacy.load(tmp_path / "model-last")("Wow !")
    assert [token.tag_ for token in doc] == ["UH", "PUNCT"]


# Settings.


def test_settings_after_the_texts_override_those_of_the_config(
    folder: Path, tmp_path: Path
) -> None:
    settings = ["--training.max_steps", 2, "--nlp.batch_size=7"]
    run_spacy(*command(folder, tmp_path, *settings))
    nlp = spacy.load(tmp_path / "model-last")
    assert nlp.config["training"]["max_steps"] == 2
    assert nlp.batch_size == 7


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> List[Path]:
    """Train nothing, and return the configs that are trained."""
    trained = []

    def train(config: Path, output: Path, **settings: Any) -> None:
        trained.append(config)
        for name in ("model-last", "model-best"):
            (output / name).mkdir(parents=True)

    monkeypatch.setattr("spacy.cli.train.train", train)
    return trained


def test_the_options_of_annotating_reach_it(
    folder: Path, tmp_path: Path, quick: List[Path]
) -> None:
    options = ["-k", 2, "--min-confidence", 0.5]
    run_spacy(*command(folder, tmp_path, *options))
    saved = srsly.read_json(tmp_path / "silver" / "annotation.json")
    assert saved["n_alternatives"] == 2
    assert saved["min_confidence"] == 0.5


def test_the_share_of_the_gold_data_is_in_the_config(
    folder: Path, tmp_path: Path, quick: List[Path]
) -> None:
    run_spacy(*command(folder, tmp_path, "--gold-share", 0.75))
    (path,) = quick
    found = load_config(path)["corpora"]["train"]["proportions"]
    assert found == {"gold": 0.75, "silver": 0.25}


@pytest.mark.parametrize("option, level", [([], "INFO"), (["-V"], "DEBUG")])
def test_more_is_logged_if_that_is_asked_for(
    option: List[str], level: str, folder: Path, tmp_path: Path, quick: List[Path]
) -> None:
    before = logger.level
    try:
        CliRunner().invoke(app, [str(x) for x in command(folder, tmp_path, *option)])
        assert logging.getLevelName(logger.level) == level
    finally:
        logger.setLevel(before)


def test_several_texts_may_be_given(
    folder: Path, tmp_path: Path, quick: List[Path]
) -> None:
    more = tmp_path / "more.txt"
    more.write_text("One more\n")
    output = tmp_path / "output"
    run_spacy(*command(folder, output, more, "--nlp.batch_size", 7))
    names = {path.name[:4] for path in (output / "silver").glob("*.spacy")}
    assert names == {"more", "text"}


def test_the_config_may_name_functions_of_the_code(
    folder: Path, tmp_path: Path, quick: List[Path]
) -> None:
    (tmp_path / "code.py").write_text(
        "from spacy.training import Corpus\n"
        "from spacy.util import registry\n"
        "@registry.readers('tests.distill_reader.v1')\n"
        "def make(path: str):\n"
        "    return Corpus(path, gold_preproc=True)\n"
    )
    config = load_config(folder / "config.cfg")
    reader = {"@readers": "tests.distill_reader.v1", "path": "${paths.train}"}
    config["corpora"]["train"] = reader
    config.to_disk(tmp_path / "config.cfg")
    output, code = tmp_path / "output", ["--code", tmp_path / "code.py"]
    run_spacy(*command(folder, output, *code, config=tmp_path / "config.cfg"))
    assert (output / "model-best").exists()


def test_a_crf_is_distilled(folder: Path, tmp_path: Path) -> None:
    config = load_config(folder / "config.cfg")
    model = config["components"]["lstm_tagger"]["model"]
    model["@architectures"] = "spacy_lstm_tagger.LSTMCRFTagger.v1"
    config.to_disk(tmp_path / "config.cfg")
    output = tmp_path / "output"
    run_spacy(*command(folder, output, config=tmp_path / "config.cfg"))
    nlp = spacy.load(output / "model-best")
    assert nlp.get_pipe("lstm_tagger").model.has_ref("crf")


def test_negated_tags_of_the_gold_data_are_no_labels(
    folder: Path, tmp_path: Path, quick: List[Path]
) -> None:
    nlp = spacy.blank("en")
    gold = write_corpus(nlp, tmp_path / "gold.spacy", [(["a", "b"], ["!DET", "NN"])])
    output = tmp_path / "output"
    run_spacy(*command(folder, output, "--paths.train", gold))
    labels = srsly.read_json(output / "labels.json")
    assert "DET" in labels
    assert not any(label.startswith("!") for label in labels)


# Interruptions.


def test_a_second_call_changes_nothing_and_says_so(
    folder: Path, distilled: Path
) -> None:
    before = times(distilled)
    printed = run_spacy(*command(folder, distilled))
    assert "All texts are annotated already" in printed
    assert "The student is trained already" in printed
    assert times(distilled) == before


def kill_at(n: int, function: Callable) -> Callable:
    """Return a function that kills the process when it is called the nth time."""
    calls = []

    def count(*arguments: Any, **settings: Any) -> Any:
        calls.append(None)
        if len(calls) == n:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **settings)

    return count


MOMENTS = {
    "annotating": ("spacy.tokens.DocBin.to_disk", 3, DocBin.to_disk),
    "collecting tags": ("spacy.training.Corpus.__call__", 1, Corpus.__call__),
    "training": ("spacy.language.Language.update", 3, Language.update),
    "saving": ("spacy.language.Language.to_disk", 2, Language.to_disk),
    "moving pipelines": ("pathlib.Path.rename", 2, Path.rename),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_after_a_kill_the_same_command_gives_what_one_run_gives(
    moment: str, folder: Path, distilled: Path, tmp_path: Path
) -> None:
    target, n, function = MOMENTS[moment]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, kill_at(n, function))
        assert run_forked(*command(folder, tmp_path)) == -signal.SIGKILL
    assert not (tmp_path / "model-best").exists()
    is_begun = (tmp_path / "unfinished").exists()
    printed = run_spacy(*command(folder, tmp_path))
    assert is_begun == ("not finished begins anew" in printed)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(path.name for path in distilled.iterdir())
    assert weights(tmp_path) == weights(distilled)
    for path in (distilled / "silver").iterdir():
        assert (tmp_path / "silver" / path.name).read_bytes() == path.read_bytes()


def test_shards_that_are_there_are_not_made_again_after_a_kill(
    folder: Path, tmp_path: Path, quick: List[Path]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DocBin, "to_disk", kill_at(3, DocBin.to_disk))
        run_forked(*command(folder, tmp_path))
    before = times(tmp_path / "silver")
    made = {path for path in before if path.suffix == ".spacy"}
    assert len(made) == 2
    run_spacy(*command(folder, tmp_path))
    after = times(tmp_path / "silver")
    assert {path: after[path] for path in made} == {path: before[path] for path in made}


# What is refused.

CHANGED = {
    "--gold-share": "'corpora.train.proportions.gold'",
    "--training.max_steps": "['training.max_steps']",
}


@pytest.mark.parametrize(
    "option", [["--gold-share", 0.5], ["--training.max_steps", 8]], ids=str
)
def test_other_settings_for_a_student_that_is_there_are_refused(
    option: List[Any], folder: Path, distilled: Path
) -> None:
    before = times(distilled)
    refused = command(folder, distilled, *option)
    assert_refused(refused, "was trained with other settings", CHANGED[option[0]])
    assert_refused(refused, "Remove", "model-best", "to train anew, or name another")
    assert times(distilled) == before


def test_a_student_is_trained_anew_from_what_is_annotated(
    folder: Path, distilled: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    shutil.copytree(distilled, output)
    silver = times(output / "silver")
    # As the message advises.
    shutil.rmtree(output / "model-best")
    changed = command(folder, output, "--training.max_steps", 2)
    assert "annotated already" in run_spacy(*changed)
    assert spacy.load(output / "model-best").config["training"]["max_steps"] == 2
    assert times(output / "silver") == silver


def test_other_settings_of_annotating_are_refused(
    folder: Path, distilled: Path
) -> None:
    refused = command(folder, distilled, "--min-confidence", 0.5)
    assert_refused(refused, "min_confidence = 0.0, not 0.5")


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"teacher": "missing"}, "Can't load the teacher"),
        ({"config": "missing.cfg"}, "Can't use the config"),
        ({"config": "texts.txt"}, "Can't use the config"),
        ({"texts": "missing.txt"}, "There is no file or folder"),
    ],
)
def test_what_is_not_there_is_refused(
    changes: Dict[str, str], expected: str, folder: Path, tmp_path: Path
) -> None:
    assert_refused(command(folder, tmp_path, **changes), expected)


@pytest.mark.parametrize(
    "settings, expected",
    [
        (["--paths.train", "missing.spacy"], "missing.spacy"),
        (["--training.train_corpus", "corpora.missing"], "corpora.missing"),
        (["--training.dropout", "x"], "dropout"),
        (["--components.lstm_tagger.temperature", 0], "'temperature = 0"),
        (["--patience", 1], "as in --paths.train"),
        (["--initialize.vectors", "missing"], "missing"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_used_are_refused(
    settings: List[Any], expected: str, folder: Path, tmp_path: Path
) -> None:
    assert_refused(command(folder, tmp_path, *settings), expected)
    assert not (tmp_path / "model-best").exists()


def test_texts_that_are_not_named_any_more_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "silver").mkdir()
    (tmp_path / "silver" / "a-b.txt-00003.spacy").touch()
    assert_refused(command(folder, tmp_path), "not named now: ['a-b.txt']")


def test_more_texts_for_a_student_that_is_there_are_refused(
    folder: Path, distilled: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more.txt"
    more.write_text("One more.")
    before = times(distilled)
    assert_refused(command(folder, distilled, more), "trained without ['more.txt']")
    assert times(distilled) == before


def test_a_blank_text_is_no_other_text(folder: Path, tmp_path: Path) -> None:
    blank = tmp_path / "blank.txt"
    blank.write_text("\n")
    output = tmp_path / "output"
    run_spacy(*command(folder, output, blank))
    assert "trained already" in run_spacy(*command(folder, output, blank))


def test_a_teacher_that_is_not_trained_is_refused(folder: Path, tmp_path: Path) -> None:
    arguments = ["blank:en", folder / "texts.txt", "-o", tmp_path / "silver"]
    assert_refused(["lstm-tagger", "annotate", *arguments], "is not trained")


def test_a_tagger_from_another_pipeline_learns_the_tags_of_the_teacher(
    folder: Path, tmp_path: Path
) -> None:
    make_trained(GOLD, steps=1).to_disk(tmp_path / "sourced")
    config = load_config(folder / "config.cfg")
    config["components"]["lstm_tagger"] = {"source": str(tmp_path / "sourced")}
    config.to_disk(tmp_path / "config.cfg")
    output = tmp_path / "output"
    run_spacy(*command(folder, output, config=tmp_path / "config.cfg"))
    tagger: Any = spacy.load(output / "model-best").get_pipe("lstm_tagger")
    assert "UH" in tagger.labels


def test_another_teacher_is_refused(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    arguments = [folder / "teacher", folder / "texts.txt", "-o", output / "silver"]
    run_spacy("lstm-tagger", "annotate", *arguments)
    make_trained(TAUGHT, steps=2).to_disk(tmp_path / "teacher")
    refused = command(folder, output, teacher=tmp_path / "teacher")
    assert_refused(refused, "was made with teachers")


def test_the_config_of_a_student_makes_no_other(
    folder: Path, distilled: Path, tmp_path: Path
) -> None:
    refused = command(folder, tmp_path, config=distilled / "config.cfg")
    assert_refused(refused, "max_epochs = -1")


def test_a_config_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.cfg"
    path.write_bytes((folder / "config.cfg").read_bytes())
    refused = command(folder, tmp_path, config=path)
    assert_refused(refused, "would take its place")
    assert path.read_bytes() == (folder / "config.cfg").read_bytes()


def test_a_pipeline_that_is_there_already_is_left_alone(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "model-best").mkdir()
    (tmp_path / "model-last").mkdir()
    assert_refused(command(folder, tmp_path), "was not made by 'distill'")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model-best",
        "model-last",
    ]


@pytest.mark.parametrize("name", ["train", "dev"])
def test_data_is_looked_at_before_texts_are_annotated(
    name: str, folder: Path, tmp_path: Path
) -> None:
    DocBin().to_disk(tmp_path / "empty.spacy")
    output = tmp_path / "output"
    refused = command(folder, output, f"--paths.{name}", tmp_path / "empty.spacy")
    assert_refused(refused, f"no examples in 'corpora.{name}'")
    assert not output.exists()


def test_other_components_keep_what_they_have_learned(
    folder: Path, tmp_path: Path
) -> None:
    nlp = spacy.blank("en")
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PET", "pattern": "dog"}])
    nlp.to_disk(tmp_path / "sourced")
    config = load_config(folder / "config.cfg")
    config["nlp"]["pipeline"].append("entity_ruler")
    config["components"]["entity_ruler"] = {"source": str(tmp_path / "sourced")}
    config["training"]["frozen_components"] = ["entity_ruler"]
    config.to_disk(tmp_path / "config.cfg")
    output = tmp_path / "output"
    run_spacy(*command(folder, output, config=tmp_path / "config.cfg"))
    doc = spacy.load(output / "model-best")("The dog ate .")
    assert [ent.label_ for ent in doc.ents] == ["PET"]


def test_a_config_without_an_lstm_tagger_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    nlp.config.to_disk(tmp_path / "config.cfg")
    output = tmp_path / "output"
    refused = command(folder, output, config=tmp_path / "config.cfg")
    assert_refused(refused, "['tagger'] is an 'lstm_tagger'")


def test_settings_without_texts_are_refused(folder: Path, tmp_path: Path) -> None:
    arguments = [folder / "teacher", folder / "config.cfg", "--nlp.batch_size", 7]
    refused = ["lstm-tagger", "distill", *arguments, "--output", tmp_path]
    assert_refused(refused, "No files or folders of texts are given")


def test_a_teacher_that_is_sure_of_nothing_leaves_nothing_to_fail(
    folder: Path, tmp_path: Path
) -> None:
    """All tags are left out: the student learns from the gold data."""
    run_spacy(*command(folder, tmp_path, "--min-confidence", 1.0))
    labels = srsly.read_json(tmp_path / "labels.json")
    assert set(labels) == {tag for _, tags in GOLD for tag in tags}


@pytest.mark.parametrize(
    "option", [["--gold-share", 0], ["--gold-share", 1], ["-k", 0]]
)
def test_an_option_out_of_range_is_refused(
    option: List[Any], folder: Path, tmp_path: Path
) -> None:
    arguments = [str(argument) for argument in command(folder, tmp_path, *option)]
    assert CliRunner().invoke(app, arguments).exit_code == 2
