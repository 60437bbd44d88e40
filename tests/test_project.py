"""The workflows of project.yml and their results, in small copies of the project, on
paths with spaces."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List

import pytest
import spacy
import srsly
import torch
from numpy.typing import NDArray
from spacy.cli.init_config import fill_config
from spacy.training import Corpus
from spacy.util import load_config
from util import (
    SMALL,
    TRAIN_DATA,
    encoder_of,
    run_spacy,
    same_weights,
    torch_weights,
    write_corpus,
)
from weasel.cli import run as weasel_run
from weasel.util import get_checksum, load_project_config

# Adds its commands to spaCy's.
import spacy_lstm_tagger.cli  # noqa: F401

ROOT = Path(__file__).parents[1]
NAME = "small_tagger"

# The sample, instead of the treebank of the project.
SAMPLE = {"treebank": "assets/my sample", "prefix": ""}
STEPS = {"max_steps": 40, "eval_frequency": 20}


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        # Wheels are built without downloads, with what is installed.
        patch.setenv("PIP_NO_INDEX", "1")
        yield


def copy_project(folder: Path) -> Path:
    """A copy of the project whose pipelines are small and trained in few steps."""
    folder = folder / "my project"
    for name in ("configs", "benchmarks", "assets/sample"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(ROOT / "assets/sample", folder / SAMPLE["treebank"])
    scripts = [path.relative_to(ROOT) for path in (ROOT / "assets").glob("*.*")]
    for name in (Path("project.yml"), *scripts):
        shutil.copy(ROOT / name, folder / name)
    for name in ("default", "demo", "pretraining", "release"):
        path = folder / "configs" / f"{name}.cfg"
        config = load_config(path)
        tagger = config["components"]["lstm_tagger"]
        # `release` takes one that is trained.
        if "model" in tagger:
            tagger["model"]["tok2vec"].update(SMALL["model"]["tok2vec"])
        config["training"].update(STEPS)
        config.to_disk(path)
    return folder


def run(project: Path, name: str, **variables: Any) -> str:
    """Run a workflow, with spaCy's commands in this process: what they import is there
    already. Returns what the workflow and they print."""
    variables = {"package_name": NAME, "stock_max_steps": 2, **variables}
    overrides = [x for k, v in variables.items() for x in (f"--vars.{k}", v)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weasel_run, "run_command", run_command)
        return run_spacy("project", "run", name, project, *overrides)


def run_command(command: List[str], **settings: Any) -> None:
    if command[:3] == [sys.executable, "-m", "spacy"]:
        print(run_spacy(*command[3:]))
    else:
        subprocess.run(command, check=True)


PATHS = (
    *("treebank", "prefix", "train", "dev", "test", "raw_text", "vectors", "config"),
    *("texts", "teacher_config", "transformer", "about"),
)


def read_scripts(separator: str) -> List[List[str]]:
    """Read the arguments of all commands, where all paths have two words."""
    variables = {f"vars.{name}": f"my{separator}{name}" for name in PATHS}
    project = load_project_config(ROOT, overrides=variables)
    scripts = [
        script for command in project["commands"] for script in command["script"]
    ]
    return [shlex.split(script) for script in scripts]


def test_a_path_with_a_space_is_one_argument() -> None:
    without = read_scripts(separator="~")
    assert any("~" in argument for command in without for argument in command)
    wanted = [[argument.replace("~", " ") for argument in cmd] for cmd in without]
    assert read_scripts(separator=" ") == wanted


def evaluate(project: Path, test: str) -> float:
    """The accuracy of what was trained, on gold sentences and tokens."""
    nlp = spacy.load(project / "training" / NAME / "model-best")
    corpus = Corpus(project / test, gold_preproc=True)
    return nlp.evaluate(corpus(nlp))["tag_acc"]


def read_accuracy(project: Path) -> float:
    return srsly.read_json(project / "metrics" / f"{NAME}.json")["tag_acc"]


def reported_accuracy(project: Path) -> float:
    """Return the accuracy of all words in the HTML file, in per cent."""
    html = (project / "metrics" / f"{NAME}.html").read_text(encoding="utf8")
    assert html.lstrip().startswith("<!DOCTYPE html>")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    (accuracy,) = re.findall(r"([\d.]+)% of all words are right", text)
    return float(accuracy)


def read_wheel(project: Path, lang: str = "en") -> Dict[str, bytes]:
    """The files of the pipeline in the wheel."""
    (path,) = (project / "packages").glob(f"*/dist/{lang}_{NAME}-0.1.0-*.whl")
    prefix = f"{lang}_{NAME}/{lang}_{NAME}-0.1.0/"
    with zipfile.ZipFile(path) as wheel:
        return {
            name[len(prefix) :]: wheel.read(name)
            for name in wheel.namelist()
            if name.startswith(prefix)
        }


def read_best(project: Path) -> Dict[str, bytes]:
    folder = project / "training" / NAME / "model-best"
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after `all` was run with the sample."""
    project = copy_project(tmp_path_factory.mktemp("all"))
    run(project, "all", **SAMPLE)
    return project


def test_all_puts_the_trained_pipeline_into_a_wheel(project: Path) -> None:
    files, packed = read_best(project), read_wheel(project)
    # Its name and version are written into this one.
    del files["meta.json"]
    assert "lstm_tagger/model" in files
    assert {name: packed[name] for name in files} == files


def test_all_measures_the_trained_pipeline_on_the_test_data(project: Path) -> None:
    accuracy = evaluate(project, f"corpus/{NAME}/test")
    assert 0 < accuracy < 1
    assert read_accuracy(project) == pytest.approx(accuracy)


def test_all_reports_the_accuracy_in_html(project: Path) -> None:
    accuracy = 100 * evaluate(project, f"corpus/{NAME}/test")
    assert reported_accuracy(project) == pytest.approx(accuracy, abs=0.005)


def test_all_does_nothing_twice(project: Path) -> None:
    printed = run(project, "all", **SAMPLE)
    # `fetch` finds out by itself.
    assert printed.count("nothing changed") == 5
    assert re.findall("Running command: (.*)", printed) == [
        f"{sys.executable} assets/fetch.py 'assets/my sample/'"
    ]


SPLITS = ("train", "dev", "test")


def test_own_trains_on_files_of_spacys(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    (project / "my data").mkdir()
    files = {split: f"my data/{split}.spacy" for split in SPLITS}
    for path in files.values():
        write_corpus(spacy.blank("en"), project / path)
    printed = run(project, "own", **files)
    assert "Part-of-speech Tagging: lstm_tagger" in printed
    nlp = spacy.load(project / "training" / NAME / "model-best")
    tags = {tag for _, tags in TRAIN_DATA for tag in tags}
    assert set(nlp.get_pipe("lstm_tagger").labels) == tags
    accuracy = evaluate(project, "my data/test.spacy")
    assert read_accuracy(project) == pytest.approx(accuracy)
    assert reported_accuracy(project) == pytest.approx(100 * accuracy, abs=0.005)
    assert (
        read_wheel(project)["lstm_tagger/model"]
        == read_best(project)["lstm_tagger/model"]
    )


def test_own_trains_on_conllu_for_a_package_of_the_language(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    files = {split: f"{SAMPLE['treebank']}/{split}.conllu" for split in SPLITS}
    run(project, "own", **files, lang="de")
    nlp = spacy.load(project / "training" / NAME / "model-best")
    assert nlp.meta["lang"] == "de"
    assert read_accuracy(project) == pytest.approx(
        evaluate(project, f"corpus/{NAME}/test")
    )
    packed = read_wheel(project, lang="de")
    assert packed["lstm_tagger/model"] == read_best(project)["lstm_tagger/model"]


def convert(folder: Path, *sources: Path, code: int = 0) -> str:
    command = [sys.executable, ROOT / "assets/convert.py", *sources, folder]
    done = subprocess.run(command, capture_output=True, encoding="utf8")
    assert done.returncode == code, done.stderr
    return done.stdout


def test_converted_data_is_that_of_all_files_of_a_directory_and_of_no_others(
    tmp_path: Path,
) -> None:
    nlp = spacy.blank("en")
    source = tmp_path / "source"
    (source / "below").mkdir(parents=True)
    for path in (source / "a.spacy", source / "below" / "a.spacy"):
        write_corpus(nlp, path)
    convert(tmp_path / "corpus", *[ROOT / "assets/sample/dev.conllu"] * 3)
    sizes = [len(list(Corpus(tmp_path / "corpus" / split)(nlp))) for split in SPLITS]
    assert sizes == [7, 7, 7]
    convert(tmp_path / "corpus", source, source, source)
    sizes = [len(list(Corpus(tmp_path / "corpus" / split)(nlp))) for split in SPLITS]
    assert sizes == [2 * len(TRAIN_DATA)] * 3


@pytest.mark.parametrize(
    "name, expected", [("no.txt", "no .conllu and no .spacy"), ("none", "Can't find")]
)
def test_data_of_another_format_is_refused(
    name: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "no.txt").touch()
    printed = convert(tmp_path / "corpus", *[tmp_path / name] * 3, code=1)
    assert expected in printed


def test_data_in_a_directory_that_is_named_like_a_file_is_converted(
    tmp_path: Path,
) -> None:
    nlp = spacy.blank("en")
    source = tmp_path / "source"
    # As `lstm-tagger convert` makes them of large corpora.
    (source / "train.spacy").mkdir(parents=True)
    write_corpus(nlp, source / "train.spacy" / "train-00001.spacy")
    convert(tmp_path / "corpus", source, source, source)
    assert len(list(Corpus(tmp_path / "corpus" / "train")(nlp))) == len(TRAIN_DATA)


@pytest.mark.parametrize("test", ["missing.conllu", "corpus/train", "."])
def test_data_that_is_refused_leaves_what_was_there(test: str, tmp_path: Path) -> None:
    (tmp_path / "corpus" / "train").mkdir(parents=True)
    path = write_corpus(spacy.blank("en"), tmp_path / "corpus" / "train" / "my.spacy")
    before = path.read_bytes()
    sample = ROOT / "assets/sample/dev.conllu"
    printed = convert(tmp_path / "corpus", sample, sample, tmp_path / test, code=1)
    assert "Can't" in printed
    assert path.read_bytes() == before


def test_pretrain_trains_on_from_raw_text(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    # A word needs three occurrences.
    texts = ["Quokkas never read the paper on Monday ."] * 3
    srsly.write_jsonl(project / "my texts.jsonl", [{"text": text} for text in texts])
    run(project, "pretrain", raw_text="my texts.jsonl", pretrain_epochs=1, **SAMPLE)
    nlp = spacy.load(project / "training" / NAME / "model-best")
    vocabulary = encoder_of(nlp).shims[0].module.vocabulary
    words = {nlp.vocab.strings[word.lower()] for word in texts[0].split()}
    assert set(vocabulary.words) == words
    accuracy = evaluate(project, f"corpus/{NAME}/test")
    assert read_accuracy(project) == pytest.approx(accuracy)
    assert reported_accuracy(project) == pytest.approx(100 * accuracy, abs=0.005)
    assert "lstm_tagger/model" in read_wheel(project)


@pytest.fixture(scope="module")
def distilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after `distill` and `release` were run with the sample, a toy teacher
    and a text."""
    project = copy_project(tmp_path_factory.mktemp("distilled"))
    texts = project / "my texts.txt"
    texts.write_text("Quokkas never read the paper on Monday.\n" * 3, encoding="utf8")
    variables = {**SAMPLE, "teacher_config": "demo", "texts": "my texts.txt"}
    run(project, "distill", **variables)
    run(project, "release", **variables, texts_license="CC0 of Quokkaland")
    return project


def test_distill_trains_a_tagger_on_what_a_teacher_finds_in_texts(
    distilled: Path,
) -> None:
    nlp = spacy.load(distilled / "training" / f"{NAME}-distilled" / "model-best")
    vocabulary = encoder_of(nlp).shims[0].module.vocabulary
    assert nlp.vocab.strings["quokkas"] in vocabulary.words
    path = distilled / "metrics" / f"{NAME}-distilled.json"
    accuracy = srsly.read_json(path)["tag_acc"]
    assert 0.0 < accuracy < 1.0
    html = path.with_suffix(".html").read_text(encoding="utf8")
    # Of a tagger that has not learned from it.
    without = evaluate(distilled, f"corpus/{NAME}/test")
    assert without != accuracy
    for value in (accuracy, without):
        assert f"{value:.2%}".rstrip("%") in html


def round_array(array: NDArray) -> NDArray:
    return torch.from_numpy(array).bfloat16().float().numpy()


def test_release_packs_the_distilled_tagger_with_parts_of_speech_and_sentences(
    distilled: Path,
) -> None:
    training = distilled / "training"
    released = training / f"{NAME}-release" / "rounded"
    path = released / "lstm_tagger" / "model"
    assert read_wheel(distilled)["lstm_tagger/model"] == path.read_bytes()
    nlp = spacy.load(released)
    student = spacy.load(training / f"{NAME}-distilled" / "model-best")
    rounded = {k: round_array(v) for k, v in torch_weights(student).items()}
    assert same_weights(torch_weights(nlp), rounded)
    # What a wheel makes of it.
    assert len(zlib.compress(path.read_bytes())) < 0.6 * path.stat().st_size
    doc = nlp("The shop closes at six.")
    assert all(token.tag_ and token.pos_ for token in doc)
    assert doc.has_annotation("SENT_START")


def test_the_config_of_a_release_is_complete(distilled: Path, tmp_path: Path) -> None:
    path, filled = tmp_path / "release.cfg", tmp_path / "filled.cfg"
    config = load_config(ROOT / "configs" / "release.cfg")
    # Without a trained tagger, spaCy can't read it.
    tagger = distilled / "training" / f"{NAME}-distilled" / "model-best"
    config["paths"]["tagger"] = str(tagger)
    config.to_disk(path)
    before, after = fill_config(filled, path, silent=True)
    assert after == before


def test_the_card_of_a_release_has_its_figures_and_licenses(distilled: Path) -> None:
    packed = read_wheel(distilled)
    meta, card = json.loads(packed["meta.json"]), packed["README.md"].decode("utf8")
    about = srsly.read_json(ROOT / "assets" / "about.json")
    assert meta["lang"] == about["lang"]
    for key in ("description", "license"):
        assert meta[key] == about[key]
    assert about["description"] in card
    *sources, texts = meta["sources"]
    assert sources == about["sources"]
    assert "my texts.txt" in texts["name"]
    for source in meta["sources"]:
        assert re.search(rf"{source['name']} *\| {source['license']} ", card)
    assert texts["license"] == "CC0 of Quokkaland"
    nlp = spacy.load(distilled / "training" / f"{NAME}-release" / "rounded")
    test = Corpus(distilled / "corpus" / NAME / "test", gold_preproc=True)
    accuracy = 100 * nlp.evaluate(test(nlp))["tag_acc"]
    assert re.search(rf"All words *\| {accuracy:.2f} ", card)
    assert re.search(r"Unknown words *\| [\d.]+ ", card)
    assert re.search(r"[\d,]+ words a second", card)


def describe(
    folder: Path, about: Any, texts_license: str, output: str
) -> "subprocess.CompletedProcess[str]":
    """Write the card of a released pipeline."""
    command = [sys.executable, "assets/describe.py"]
    command += [f"training/{NAME}-release/model-best"]
    command += [f"corpus/{NAME}/test", f"corpus/{NAME}/train", str(about)]
    command += ["my texts.txt", texts_license, output]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf8")


@pytest.mark.parametrize(
    "about, expected",
    [
        (
            '{"lang": "de", "sources": []}',
            "is about 'de', but the pipeline is for 'en'",
        ),
        ('{"license": "MIT"}', "needs to be a JSON object like"),
        ("no JSON", "needs to be a JSON object like"),
        ('{"lang": "en", "license": "MIT"}', "each of which has a 'name'"),
        ('{"lang": "en", "sources": [{"name": "A"}]}', "each of which has a 'name'"),
    ],
)
def test_a_card_about_something_else_is_refused(
    about: str, expected: str, distilled: Path
) -> None:
    (distilled / "about.json").write_text(about, encoding="utf8")
    done = describe(distilled, "about.json", "MIT", "new")
    assert done.returncode == 1
    assert expected in " ".join(done.stdout.split())
    assert not (distilled / "new").exists()


@pytest.mark.parametrize("texts_license, warns", [("not stated", True), ("MIT", False)])
def test_a_card_without_the_license_of_the_texts_comes_with_a_warning(
    texts_license: str, warns: bool, distilled: Path
) -> None:
    done = describe(distilled, ROOT / "assets" / "about.json", texts_license, "card")
    assert done.returncode == 0
    printed = " ".join(done.stdout.split())
    assert (
        "'my texts.txt' is not stated: set --vars.texts_license" in printed
    ) == warns


def test_compare_prints_and_saves_the_accuracy_of_both_taggers(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = copy_project(tmp_path)
    run(project, "compare", **SAMPLE, stock_max_steps=10)
    tables = srsly.read_json(project / "training" / "compare" / "accuracy.json")
    printed = capfd.readouterr().out
    assert {"tagger", "default"} <= {row["pipeline"] for row in tables["accuracy"]}
    for row in tables["accuracy"]:
        cells = [f"{v:.2f}" if isinstance(v, float) else v for v in row.values()]
        assert f"| {' | '.join(cells)} |" in printed


def test_demo_measures_its_tagger_and_shows_what_it_does(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    printed = run(project, "demo")
    assert 0 < srsly.read_json(project / "metrics" / "demo.json")["tag_acc"] < 1
    nlp = spacy.load(project / "training" / "demo" / "model-best")
    for token in nlp("Can you send me the photos before Friday?"):
        assert re.search(rf"{re.escape(token.text)} +{re.escape(token.tag_)} ", printed)


def git(*arguments: Any) -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *map(str, arguments)]
    return subprocess.check_output(command, encoding="utf8").strip()


@pytest.fixture
def assets(tmp_path: Path) -> Dict[Path, str]:
    """The assets of a project, and their text in the pinned commit of a repository
    whose branch has gone on since."""
    (tmp_path / "assets").mkdir()
    shutil.copy(ROOT / "assets" / "fetch.py", tmp_path / "assets")
    settings = srsly.read_yaml(ROOT / "project.yml")
    repo = tmp_path / "repo"
    git("init", "--quiet", repo)
    texts = {}
    for asset in settings["assets"]:
        path = repo / asset["git"]["path"]
        texts[tmp_path / asset["dest"]] = text = f"Pinned: {path.name}\n"
        path.write_text(text, encoding="utf8")
        asset["checksum"] = get_checksum(path)
    git("-C", repo, "add", ".")
    git("-C", repo, "commit", "--quiet", "-m", "Pinned")
    commit = git("-C", repo, "rev-parse", "--short=8", "HEAD")
    for asset in settings["assets"]:
        asset["git"].update(repo=repo.as_uri(), commit=commit)
        (repo / asset["git"]["path"]).write_text("Later", encoding="utf8")
    git("-C", repo, "commit", "--quiet", "--all", "-m", "Later")
    srsly.write_yaml(tmp_path / "project.yml", settings)
    assert len(texts) == 3
    return texts


def read_all(paths: Iterable[Path]) -> Dict[Path, str]:
    return {path: path.read_text(encoding="utf8") for path in paths if path.exists()}


def test_fetch_takes_the_pinned_commit(assets: Dict[Path, str], tmp_path: Path) -> None:
    run_spacy("project", "run", "fetch", tmp_path)
    assert read_all(assets) == assets


def test_fetch_keeps_the_ends_of_lines(
    assets: Dict[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As git is set up on Windows.
    config = tmp_path / "gitconfig"
    config.write_text("[core]\nautocrlf = true\n", encoding="utf8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    run_spacy("project", "run", "fetch", tmp_path)
    assert read_all(assets) == assets


def test_fetch_leaves_assets_without_a_commit_alone(
    assets: Dict[Path, str], tmp_path: Path
) -> None:
    settings = srsly.read_yaml(tmp_path / "project.yml")
    del settings["assets"][0]["git"]
    settings["assets"][0]["url"] = "https://example.com/train.conllu"
    srsly.write_yaml(tmp_path / "project.yml", settings)
    run_spacy("project", "run", "fetch", tmp_path)
    left, *fetched = assets
    assert not left.exists()
    assert read_all(fetched) == {path: assets[path] for path in fetched}


def test_fetch_uses_files_in_place_as_they_are(
    assets: Dict[Path, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    right, other, *_ = assets
    right.write_text(assets[right], encoding="utf8")
    other.write_text("Mine", encoding="utf8")
    before = right.stat().st_mtime_ns
    run_spacy("project", "run", "fetch", tmp_path)
    assert read_all(assets) == {**assets, other: "Mine"}
    assert right.stat().st_mtime_ns == before
    warning = f"another checksum than in project.yml: assets/{other.name}"
    assert warning in " ".join(capfd.readouterr().out.split())


def test_fetch_needs_no_repository_for_files_in_place(
    assets: Dict[Path, str], tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "repo")
    for path, text in assets.items():
        path.write_text(text, encoding="utf8")
    run_spacy("project", "run", "fetch", tmp_path)
    assert read_all(assets) == assets


def test_fetch_refuses_text_with_another_checksum(
    assets: Dict[Path, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = srsly.read_yaml(tmp_path / "project.yml")
    settings["assets"][1]["checksum"] = checksum = "0" * 32
    srsly.write_yaml(tmp_path / "project.yml", settings)
    with pytest.raises(AssertionError):
        run_spacy("project", "run", "fetch", tmp_path)
    assert checksum in capfd.readouterr().out
    assert not list(assets)[1].exists()


def test_all_fetches_first(assets: Dict[Path, str], tmp_path: Path) -> None:
    # The fetched files are no CoNLL-U: the next step fails.
    with pytest.raises(AssertionError):
        run_spacy("project", "run", "all", tmp_path)
    assert read_all(assets) == assets
