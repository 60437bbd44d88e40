"""Saving and loading: round trips, settings that change, and damaged files."""

import copy
import pickle
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import numpy
import pytest
import spacy
import srsly
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_safetensors
from spacy.language import Language
from spacy.tokens import Doc, Token
from spacy.util import load_config, load_model_from_config
from taggers import (
    ROUND_TRIPS,
    bytes_round_trip,
    disk_round_trip,
    get_tagger,
    model_copy_round_trip,
    pickle_round_trip,
)
from thinc.api import Adam, Model
from util import (
    SMALL,
    TRAIN_DATA,
    all_weights,
    encoder_of,
    make_doc,
    make_examples,
    make_trained,
    make_untrained,
    same_weights,
    small,
    tag_all,
    tags_of,
    torch_weights,
)

ALL_TAGS = [tags for _, tags in TRAIN_DATA]


def blank(config: Dict[str, Any] = SMALL, name: str = "lstm_tagger") -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", name=name, config=copy.deepcopy(config))
    return nlp


def scores_of(nlp: Language) -> NDArray:
    docs = [make_doc(nlp, words) for words, _ in TRAIN_DATA]
    return numpy.concatenate(get_tagger(nlp).model.predict(docs))


# Round trips.


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_a_round_trip_keeps_all_weights_scores_and_tags(
    shared_trained: Language, tmp_path: Path, round_trip: Any
) -> None:
    loaded = round_trip(shared_trained, tmp_path)
    assert get_tagger(loaded).labels == get_tagger(shared_trained).labels
    assert same_weights(all_weights(loaded), all_weights(shared_trained))
    numpy.testing.assert_array_equal(scores_of(loaded), scores_of(shared_trained))
    assert tag_all(loaded) == ALL_TAGS


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_training_what_came_back_leaves_the_original_alone(
    tmp_path: Path, round_trip: Any
) -> None:
    nlp = make_trained(steps=5)
    before = all_weights(nlp)
    loaded = round_trip(nlp, tmp_path)
    loaded.update(make_examples(loaded), sgd=Adam(0.01))
    assert same_weights(all_weights(nlp), before)
    assert not same_weights(all_weights(loaded), before)


def test_a_pickled_component_tags_as_before(shared_trained: Language) -> None:
    tagger = pickle.loads(pickle.dumps(get_tagger(shared_trained)))
    doc = make_doc(shared_trained)
    (tag_ids,) = tagger.predict([doc])
    assert [tagger.labels[i] for i in tag_ids] == ALL_TAGS[0]


def test_copies_of_a_model_can_train_with_one_optimizer() -> None:
    """thinc's copies of a torch layer share their key in the optimizer, and so the
    moments of each other's gradients."""
    nlp, reference = make_trained(steps=5), make_trained(steps=5)
    copied = model_copy_round_trip(nlp, Path())
    shared = Adam(0.01, use_averages=True)
    own = Adam(0.01, use_averages=True)
    for _ in range(5):
        copied.update(make_examples(copied, TRAIN_DATA[:1]), sgd=shared)
        nlp.update(make_examples(nlp), sgd=shared)
        reference.update(make_examples(reference), sgd=own)
    assert same_weights(torch_weights(nlp), torch_weights(reference))


def test_a_pipeline_is_loaded_in_a_process_that_never_heard_of_the_package(
    shared_trained: Language, tmp_path: Path
) -> None:
    shared_trained.to_disk(tmp_path)
    words, tags = TRAIN_DATA[0]
    code = (
        f"import spacy; nlp = spacy.load({str(tmp_path)!r}); "
        f"print(' '.join(t.tag_ for t in nlp({' '.join(words)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == tags, done.stderr


def test_what_is_saved_twice_is_the_same(shared_trained: Language) -> None:
    first = get_tagger(shared_trained).to_bytes()
    assert get_tagger(shared_trained).to_bytes() == first
    loaded = blank()
    get_tagger(loaded).from_bytes(first)
    assert get_tagger(loaded).to_bytes() == first


def test_a_component_with_other_sizes_comes_back_from_its_config(
    tmp_path: Path,
) -> None:
    config = small(depth=2, width=16, window=8, window_overlap=2, max_characters=5)
    nlp = make_trained(config=config, steps=5)
    loaded = disk_round_trip(nlp, tmp_path)
    encoder = encoder_of(loaded)
    assert encoder.attrs["settings"].window == 8
    assert encoder.attrs["settings"].max_characters == 5
    assert encoder.get_dim("nO") == 16
    numpy.testing.assert_array_equal(scores_of(loaded), scores_of(nlp))


# Settings that are given another value after training.


@pytest.fixture(scope="module")
def with_dictionary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved pipeline with default settings, and a tag dictionary."""
    nlp = make_trained()
    get_tagger(nlp).set_tag_dictionary({"dog": ["NN", "V"]})
    path: Path = tmp_path_factory.mktemp("settings") / "saved"
    nlp.to_disk(path)
    return path


def replaces_tags(nlp: Language) -> bool:
    words, tags = TRAIN_DATA[0]
    doc = Doc(nlp.vocab, words=words, tags=["X"] * len(words))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tags_of(nlp(doc)) == tags


def gradient_of(nlp: Language, tag: str) -> NDArray:
    """The gradient for one word of that tag, where all tags are equally probable."""
    tagger = get_tagger(nlp)
    scores = numpy.full((1, len(tagger.labels)), 1 / len(tagger.labels), dtype="f")
    return tagger.get_loss(make_examples(nlp, [(["dog"], [tag])]), [scores])[1][0][0]


def knows_tilde(nlp: Language) -> bool:
    """Find out if "~" marks a tag as one that the word does not have."""
    try:
        return (gradient_of(nlp, "~NN") >= 0.0).all()
    except ValueError:
        return False


def smooths_labels(nlp: Language) -> bool:
    gradient = gradient_of(nlp, "NN")
    n_labels = len(gradient)
    return float(gradient.max()) < 1 / n_labels - 0.01


def has_sharp_probabilities(nlp: Language) -> bool:
    (rows,) = get_tagger(nlp).predict_proba([make_doc(nlp, TRAIN_DATA[1][0])])
    return rows.max() > 0.5


def counts_alternatives(nlp: Language, name: str) -> int:
    return len(getattr(nlp(make_doc(nlp))[0]._, name))


CHANGES: Dict[str, Tuple[Dict[str, Any], Callable[[Language], bool]]] = {
    "overwrite": ({"overwrite": True}, replaces_tags),
    "neg_prefix": ({"neg_prefix": "~"}, knows_tilde),
    "label_smoothing": ({"label_smoothing": 0.2}, smooths_labels),
    "constrain_training": (
        {"constrain_training": True},
        lambda nlp: bool((gradient_of(nlp, "NN") == 0.0).any()),
    ),
    "temperature": (
        {"temperature": 100.0},
        lambda nlp: not has_sharp_probabilities(nlp),
    ),
    "confidence_attribute": (
        {"confidence_attribute": "changed_confidence"},
        lambda nlp: getattr(nlp(make_doc(nlp))[0]._, "changed_confidence", 0.0) > 0.0,
    ),
    "n_alternatives": (
        {"alternatives_attribute": "changed_alternatives", "n_alternatives": 2},
        lambda nlp: (
            Token.has_extension("changed_alternatives")
            and counts_alternatives(nlp, "changed_alternatives") == 2
        ),
    ),
}


def check_change(nlp: Language, setting: str) -> None:
    """Check that a setting has its changed value, and that the config shows it."""
    changes, is_changed = CHANGES[setting]
    assert is_changed(nlp)
    shown = nlp.get_pipe_config("lstm_tagger")
    assert {name: shown[name] for name in changes} == changes


@pytest.mark.parametrize("setting", CHANGES)
def test_a_setting_given_when_a_pipeline_is_loaded_is_used_shown_and_saved(
    with_dictionary: Path, tmp_path: Path, setting: str
) -> None:
    changes, is_changed = CHANGES[setting]
    assert not is_changed(spacy.load(with_dictionary))
    overrides = {f"components.lstm_tagger.{key}": v for key, v in changes.items()}
    nlp = spacy.load(with_dictionary, config=overrides)
    check_change(nlp, setting)
    for round_trip in (disk_round_trip, bytes_round_trip, pickle_round_trip):
        check_change(round_trip(nlp, tmp_path), setting)


def load_with_sections(path: Path, changes: Dict[str, Any]) -> Language:
    return spacy.load(path, config={"components": {"lstm_tagger": changes}})


def load_config_first(path: Path, changes: Dict[str, Any]) -> Language:
    config = load_config(path / "config.cfg")
    config["components"]["lstm_tagger"].update(changes)
    return load_model_from_config(config).from_disk(path)


def load_bytes(path: Path, changes: Dict[str, Any]) -> Language:
    config = load_config(path / "config.cfg")
    config["components"]["lstm_tagger"].update(changes)
    return load_model_from_config(config).from_bytes(spacy.load(path).to_bytes())


def load_component(path: Path, changes: Dict[str, Any]) -> Language:
    nlp = blank({**SMALL, **changes})
    get_tagger(nlp).from_disk(path / "lstm_tagger", exclude=["vocab"])
    return nlp


@pytest.mark.parametrize(
    "load", [load_with_sections, load_config_first, load_bytes, load_component]
)
@pytest.mark.parametrize("is_saved", [False, True])
def test_the_value_of_the_config_goes_before_the_saved_one(
    with_dictionary: Path,
    tmp_path: Path,
    load: Callable[[Path, Dict[str, Any]], Language],
    is_saved: bool,
) -> None:
    """This holds for all ways to load, and for values that are defaults."""
    saved = load_with_sections(with_dictionary, {"overwrite": is_saved})
    saved.to_disk(tmp_path)
    nlp = load(tmp_path, {"overwrite": not is_saved})
    assert get_tagger(nlp).cfg["overwrite"] is not is_saved
    assert replaces_tags(nlp) is not is_saved
    assert nlp.get_pipe_config("lstm_tagger")["overwrite"] is not is_saved


@pytest.mark.parametrize("is_used", [False, True])
def test_a_sourced_component_shows_the_settings_that_it_uses(
    with_dictionary: Path, is_used: bool
) -> None:
    """spaCy leaves out what else `add_pipe` is given with `source`."""
    source = load_with_sections(with_dictionary, {"overwrite": is_used})
    nlp = spacy.blank("en", vocab=source.vocab)
    nlp.add_pipe("lstm_tagger", source=source, config={"overwrite": not is_used})
    assert replaces_tags(nlp) is is_used
    assert nlp.get_pipe_config("lstm_tagger")["overwrite"] is is_used


def test_a_component_sourced_in_a_config_shows_the_settings_that_it_uses(
    with_dictionary: Path, tmp_path: Path
) -> None:
    config = load_config(with_dictionary / "config.cfg")
    config["components"]["lstm_tagger"] = {
        "source": str(with_dictionary),
        "overwrite": True,
    }
    nlp = load_model_from_config(config)
    for found in (nlp, disk_round_trip(nlp, tmp_path)):
        shown = found.get_pipe_config("lstm_tagger")["overwrite"]
        assert replaces_tags(found) is shown


def test_a_setting_given_to_load_is_checked(with_dictionary: Path) -> None:
    with pytest.raises(ValueError, match=r"label_smoothing = 2\.0"):
        load_with_sections(with_dictionary, {"label_smoothing": 2.0})


# Leaving something out.


def test_excluded_fields_are_not_saved(
    shared_trained: Language, tmp_path: Path
) -> None:
    tagger = get_tagger(shared_trained)
    tagger.to_disk(tmp_path / "all")
    saved = {path.name for path in (tmp_path / "all").iterdir()}
    assert saved == {"cfg", "model", "model.sha256", "vocab"}
    tagger.to_disk(tmp_path / "some", exclude=["vocab", "cfg"])
    saved = {path.name for path in (tmp_path / "some").iterdir()}
    assert saved == {"model", "model.sha256"}
    message = srsly.msgpack_loads(tagger.to_bytes(exclude=["vocab", "model"]))
    assert set(message) == {"cfg"}


def test_excluded_fields_are_not_loaded(tmp_path: Path) -> None:
    nlp = make_trained(steps=5)
    data = get_tagger(nlp).to_bytes()
    get_tagger(nlp).to_disk(tmp_path)
    other = make_untrained(TRAIN_DATA, seed=1)
    before = all_weights(other)
    get_tagger(other).from_bytes(data, exclude=["model"])
    get_tagger(other).from_disk(tmp_path, exclude=["model"])
    assert same_weights(all_weights(other), before)
    get_tagger(other).cfg["overwrite"] = True
    get_tagger(other).from_bytes(data, exclude=["cfg"])
    assert get_tagger(other).cfg["overwrite"] is True
    assert same_weights(all_weights(other), all_weights(nlp))


def test_a_pipeline_is_saved_and_loaded_without_the_component(
    trained: Language, tmp_path: Path
) -> None:
    trained.add_pipe("sentencizer")
    trained.to_disk(tmp_path / "without", exclude=["lstm_tagger"])
    assert not (tmp_path / "without" / "lstm_tagger").exists()
    trained.to_disk(tmp_path / "with")
    nlp = spacy.load(tmp_path / "with", exclude=["lstm_tagger"])
    assert nlp.pipe_names == ["sentencizer"]


# Untrained pipelines.


@pytest.mark.parametrize("factory", ["tagger", "lstm_tagger"])
@pytest.mark.parametrize("round_trip", [disk_round_trip, bytes_round_trip])
def test_labels_added_before_training_come_back_as_with_spacys_tagger(
    tmp_path: Path, round_trip: Any, factory: str
) -> None:
    nlp = spacy.blank("en")
    component: Any = nlp.add_pipe(factory)
    component.add_label("ADDED")
    loaded = round_trip(nlp, tmp_path)
    component = loaded.get_pipe(factory)
    assert component.labels == ("ADDED",)
    loaded.initialize(lambda: make_examples(loaded))
    assert set(component.labels) == {"ADDED"}.union(*ALL_TAGS)


def test_a_loaded_untrained_pipeline_can_be_trained(tmp_path: Path) -> None:
    blank().to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    nlp.initialize(lambda: make_examples(nlp))
    sgd = Adam(0.01)
    for _ in range(60):
        nlp.update(make_examples(nlp), sgd=sgd)
    assert tag_all(nlp) == ALL_TAGS


# What is in the files.


def encoder_index(model: Model) -> int:
    return next(i for i, n in enumerate(model.walk()) if n.name == "word_char_bilstm")


def change_state(data: bytes, index: int, change: Callable[[Any], Any]) -> bytes:
    """Change what the shim of a layer stores, in the bytes of a model."""
    message = srsly.msgpack_loads(data)
    shim = srsly.msgpack_loads(message["shims"][index][0])
    shim["state"] = change(shim["state"])
    message["shims"][index][0] = srsly.msgpack_dumps(shim)
    return srsly.msgpack_dumps(message)


def test_weights_are_stored_with_safetensors(shared_trained: Language) -> None:
    model = get_tagger(shared_trained).model
    found: List[bytes] = []
    change_state(model.to_bytes(), encoder_index(model), found.append)
    tensors = load_safetensors(found[0])
    for name, weights in torch_weights(shared_trained).items():
        numpy.testing.assert_array_equal(tensors[name].numpy(), weights)


class Malicious:
    """Pickled, it creates a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Tuple[Any, Tuple[Any, ...]]:
        return (open, (str(self.path), "w"))


@pytest.fixture
def saved(shared_trained: Language, tmp_path: Path) -> Path:
    shared_trained.to_disk(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Path]:
    """A file that exists as soon as something malicious was unpickled."""
    path = tmp_path / "unpickled"
    pickle.loads(pickle.dumps(Malicious(path))).close()
    assert path.exists(), "The trap does not work."
    path.unlink()
    yield path
    assert not path.exists(), "Something of the model directory was unpickled."


def check_error(path: Path) -> None:
    """Check that loading the pipeline gives an error that names the component and
    says what to do."""
    with pytest.raises(ValueError) as caught:
        spacy.load(path)
    message = str(caught.value)
    assert "lstm_tagger" in message
    assert "Restore" in message
    assert "train" in message


def torch_pickle(path: Path, trap: Path) -> bytes:
    torch.save({"weight": Malicious(trap)}, path)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_pickle_in_place_of_the_weights_is_not_loaded(
    saved: Path, tmp_path: Path, trap: Path, kind: str
) -> None:
    data = pickle.dumps(Malicious(trap))
    if kind == "torch":
        data = torch_pickle(tmp_path / "pickled.pt", trap)
    (saved / "lstm_tagger" / "model").write_bytes(data)
    check_error(saved)


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_pickle_in_place_of_the_weights_of_the_encoder_is_not_loaded(
    shared_trained: Language, saved: Path, tmp_path: Path, trap: Path, kind: str
) -> None:
    data = pickle.dumps(Malicious(trap))
    if kind == "torch":
        data = torch_pickle(tmp_path / "pickled.pt", trap)
    path = saved / "lstm_tagger" / "model"
    index = encoder_index(get_tagger(shared_trained).model)
    path.write_bytes(change_state(path.read_bytes(), index, lambda _: data))
    check_error(saved)


def test_a_pickle_among_the_attributes_of_a_layer_is_not_loaded(
    saved: Path, trap: Path
) -> None:
    path = saved / "lstm_tagger" / "model"
    message = srsly.msgpack_loads(path.read_bytes())
    for attrs in message["attrs"]:
        for name in attrs:
            attrs[name] = pickle.dumps(Malicious(trap))
    path.write_bytes(srsly.msgpack_dumps(message))
    check_error(saved)


# Files that are not what they should be.


def truncate(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def overwrite(data: bytes, share: float) -> bytes:
    """64 bytes are noise."""
    start = int(len(data) * share)
    noise = numpy.random.default_rng(0).bytes(64)
    return data[:start] + noise + data[start + 64 :]


DAMAGES: Dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "one_byte": lambda data: data[:1],
    "without_the_end": lambda data: data[:-1],
    "half": lambda data: truncate(data, 0.5),
    "almost_all": lambda data: truncate(data, 0.99),
    "more_at_the_end": lambda data: data + b"more",
    "noise": lambda data: numpy.random.default_rng(0).bytes(len(data)),
    "zeros": lambda data: bytes(len(data)),
    "text": lambda data: b"version https://git-lfs.github.com/spec/v1\n",
    "noise_at_the_start": lambda data: overwrite(data, 0.0),
    "noise_at_a_tenth": lambda data: overwrite(data, 0.1),
    "noise_in_the_middle": lambda data: overwrite(data, 0.5),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_gives_an_error_that_says_what_to_do(
    saved: Path, damage: str
) -> None:
    path = saved / "lstm_tagger" / "model"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    check_error(saved)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_of_the_encoder_give_an_error_that_says_what_to_do(
    shared_trained: Language, saved: Path, damage: str
) -> None:
    path = saved / "lstm_tagger" / "model"
    index = encoder_index(get_tagger(shared_trained).model)
    path.write_bytes(change_state(path.read_bytes(), index, DAMAGES[damage]))
    check_error(saved)


def test_damaged_bytes_give_the_same_error(shared_trained: Language) -> None:
    data = get_tagger(shared_trained).to_bytes()
    with pytest.raises(ValueError, match=r"lstm_tagger.*Restore"):
        get_tagger(blank()).from_bytes(data[:-10])


def test_the_error_names_the_component_by_its_name_in_the_pipeline(
    tmp_path: Path,
) -> None:
    nlp = blank(name="my_own_name")
    nlp.initialize(lambda: make_examples(nlp))
    nlp.to_disk(tmp_path)
    (tmp_path / "my_own_name" / "model").write_bytes(b"")
    with pytest.raises(ValueError, match="my_own_name"):
        spacy.load(tmp_path)


FOREIGN: Dict[str, Callable[[], Any]] = {
    "wider": lambda: make_untrained(config=small(width=64)),
    "deeper": lambda: make_untrained(config=small(depth=2)),
    "other_characters": lambda: make_untrained(config=small(character_width=12)),
    "more_tags": lambda: make_untrained([*TRAIN_DATA, (["x"], ["NEW"])]),
    "fewer_tags": lambda: make_untrained(TRAIN_DATA[:2]),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_weights_of_another_lstm_tagger_give_an_error(saved: Path, kind: str) -> None:
    foreign = get_tagger(FOREIGN[kind]()).model.to_bytes()
    (saved / "lstm_tagger" / "model").write_bytes(foreign)
    check_error(saved)


def test_weights_of_spacys_tagger_give_an_error(saved: Path) -> None:
    nlp = spacy.blank("en")
    tagger: Any = nlp.add_pipe("tagger")
    nlp.initialize(lambda: make_examples(nlp))
    tagger.model.to_disk(saved / "lstm_tagger" / "model")
    check_error(saved)


def test_a_missing_file_gives_an_error_that_names_it(saved: Path) -> None:
    (saved / "lstm_tagger" / "model").unlink()
    with pytest.raises(OSError, match="lstm_tagger"):
        spacy.load(saved)
    shutil.rmtree(saved / "lstm_tagger")
    with pytest.raises(OSError, match="lstm_tagger"):
        spacy.load(saved)


def test_a_failed_load_leaves_a_component_that_can_load_what_is_whole(
    shared_trained: Language,
) -> None:
    data = get_tagger(shared_trained).to_bytes()
    nlp = blank()
    with pytest.raises(ValueError):
        get_tagger(nlp).from_bytes(data[: len(data) // 2])
    get_tagger(nlp).from_bytes(data)
    assert tag_all(nlp) == ALL_TAGS


def test_a_pickled_pipeline_tags_in_a_process_that_knows_nothing_of_it(
    tmp_path: Path,
) -> None:
    nlp = make_trained(config={**SMALL, "confidence_attribute": "pickled_confidence"})
    (tmp_path / "nlp.pickle").write_bytes(pickle.dumps(nlp))
    code = (
        "import pickle, sys;"
        "nlp = pickle.load(open(sys.argv[1], 'rb'));"
        "doc = nlp('The dog ate the apple');"
        "print([t.tag_ for t in doc], doc[0]._.pickled_confidence > 0.5)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "nlp.pickle")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{tags_of(nlp('The dog ate the apple'))} True"


# Pipelines that version 0.1.0 saved (commit 3dc8d9a), without their tokenizers, and the
# tags and confidences that it gave the words of TRAIN_DATA.
OLD_PIPELINES = Path(__file__).parent / "data" / "saved_by_0_1_0"


@pytest.mark.parametrize("name", ["softmax", "crf"])
def test_a_pipeline_that_the_first_version_saved_tags_as_it_did(name: str) -> None:
    nlp = spacy.load(OLD_PIPELINES / name, exclude=["tokenizer"])
    wanted = srsly.read_json(OLD_PIPELINES / f"{name}.json")
    assert [words for words, _ in TRAIN_DATA] == [
        [word for word, _, _ in tokens] for tokens in wanted
    ]
    for tokens in wanted:
        doc = nlp(" ".join(word for word, _, _ in tokens))
        assert tags_of(doc) == [tag for _, tag, _ in tokens]
        found = [token._.tag_confidence for token in doc]
        assert found == pytest.approx([value for _, _, value in tokens], abs=1e-4)
