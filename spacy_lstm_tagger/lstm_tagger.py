"""The pipeline component `lstm_tagger`."""

import contextlib
import hashlib
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Union,
    cast,
)

import numpy
from numpy.typing import NDArray
from spacy.attrs import TAG
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline import Tagger
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from thinc.api import Config, Model, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from .build_vocabulary import find_encoders, set_vocabulary
from .loss import MISSING, cross_entropy_gradient
from .negation import split_negation

# Where the checksum of the file `model` is written, in the component's directory.
CHECKSUM = "model.sha256"

default_model_config = """
[model]
@architectures = "spacy_lstm_tagger.LSTMTagger.v1"

[model.tok2vec]
@architectures = "spacy_lstm_tagger.WordCharBiLSTM.v1"
width = 400
depth = 2
word_width = 100
character_width = 50
character_lstm_width = 200
word_dropout = 0.25
input_dropout = 1.0
layer_dropout = 1.0
min_word_count = 1
min_character_count = 3
max_characters = 24
window = 256
window_overlap = 32
include_static_vectors = false
"""
DEFAULT_LSTM_TAGGER_MODEL = Config().from_str(default_model_config)["model"]


@Language.factory(
    "lstm_tagger",
    assigns=["token.tag"],
    default_config={
        "model": DEFAULT_LSTM_TAGGER_MODEL,
        "overwrite": False,
        "scorer": {"@scorers": "spacy.tagger_scorer.v1"},
        "neg_prefix": "!",
        "label_smoothing": 0.0,
    },
    default_score_weights={
        "tag_acc": 1.0,
        "pos_acc": 0.0,
        "tag_micro_p": None,
        "tag_micro_r": None,
        "tag_micro_f": None,
    },
)
def make_lstm_tagger(
    nlp: Language,
    name: str,
    model: Model[List[Doc], List[Floats2d]],
    overwrite: bool,
    scorer: Optional[Callable],
    neg_prefix: str,
    label_smoothing: float,
) -> "LSTMTagger":
    """Construct a part-of-speech tagger around an LSTM.

    model (Model[List[Doc], List[Floats2d]]): Scores each tag for each token. In
        training the scores are probabilities.
    overwrite (bool): Whether to overwrite tags that are set already.
    scorer (Optional[Callable]): The scoring method.
    neg_prefix (str): What marks a tag that a token does not have, in training data.
    label_smoothing (float): How much probability is shared by the other tags, as
        training sees it.
    """
    return LSTMTagger(
        nlp.vocab,
        model,
        name,
        overwrite=overwrite,
        scorer=scorer,
        neg_prefix=neg_prefix,
        label_smoothing=label_smoothing,
    )


class LSTMTagger(Tagger):
    """Pipeline component for part-of-speech tagging: a drop-in for spaCy's own
    `tagger`, with its settings, scores and treatment of annotations."""

    def set_annotations(
        self, docs: Union[Doc, Sequence[Doc]], batch_tag_ids: Sequence[NDArray]
    ) -> None:
        """Set the tags of documents, all tags of a document in one step.

        docs (Union[Doc, Sequence[Doc]]): The documents to modify.
        batch_tag_ids (Sequence[NDArray]): For each document the positions of its
            tags in `labels`, as `predict` returns them. *Shape:* (n_tokens,)
        """
        if isinstance(docs, Doc):
            docs = [docs]
        strings = self.vocab.strings
        hashes = numpy.asarray(
            [strings.add(tag) for tag in self.labels], dtype="uint64"
        )
        for doc, tag_ids in zip(docs, batch_tag_ids):
            if len(doc):
                tags = hashes[tag_ids]
                if not self.cfg["overwrite"]:
                    present = doc.to_array(TAG)
                    tags = numpy.where(present != 0, present, tags)
                doc.from_array(TAG, tags)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Iterable[str]] = None,
    ) -> None:
        """Initialize the pipe for training. The labels and the vocabulary are taken
        from all examples, not from a sample.

        get_examples (Callable[[], Iterable[Example]]): Returns the examples.
        nlp (Optional[Language]): The current nlp object.
        labels (Optional[Iterable[str]]): The tags, for example from the
            `init labels` command. By default those of the examples.
        """
        validate_get_examples(get_examples, "LSTMTagger.initialize")
        if labels is None:
            labels = self._collect_tags(get_examples())
        encoders = [
            encoder
            for encoder in find_encoders(self.model)
            if encoder.attrs["vocabulary"] is None
        ]
        try:
            for encoder in encoders:
                set_vocabulary(encoder, (example.x for example in get_examples()))
            super().initialize(get_examples, nlp=nlp, labels=labels)
        finally:
            # A later call starts from its own examples.
            for encoder in encoders:
                encoder.attrs["vocabulary"] = None

    def _collect_tags(self, examples: Iterable[Example]) -> List[str]:
        tags = {token.tag_ for example in examples for token in example.y}
        # A negated tag tells something of the tag; it is not a tag itself.
        prefix = self.cfg["neg_prefix"]
        return sorted({split_negation(tag, prefix)[0] for tag in tags if tag})

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Perform a "rehearsal" update, as spaCy's `tagger` does: the present model
        learns to predict what the one did that `resume_training` has kept. That one
        teaches without dropout, whatever it was trained with.

        examples (Iterable[Example]): A batch of examples.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer.
        losses (Optional[Dict[str, float]]): Losses to update, keyed by name.
        RETURNS (Dict[str, float]): The updated losses.
        """
        if self._rehearsal_model is not None:
            set_dropout_rate(self._rehearsal_model, 0.0)
        return super().rehearse(examples, drop=drop, sgd=sgd, losses=losses)

    def get_loss(
        self, examples: Iterable[Example], scores: Sequence[Floats2d]
    ) -> Tuple[float, List[Floats2d]]:
        """Find the loss and its gradient for the batch of documents.

        The gradient is that of the negative log-likelihood of the tags, with label
        smoothing, with respect to the scores before the softmax. Tokens without a
        tag, or that are misaligned, have none. The loss that is reported is the sum
        of the squares of the gradient, as with spaCy's `tagger`, so that the two can
        be compared: without label smoothing, 0 when all tags are predicted with
        certainty.

        examples (Iterable[Example]): The batch of examples.
        scores (Sequence[Floats2d]): Probabilities. *Shape:* (n_tokens, n_labels)
        RETURNS (Tuple[float, List[Floats2d]]): The loss and the gradient.
        RAISES (ValueError): If an example has a tag that is not in `labels`, or if
            the loss is not a number.
        """
        examples = list(examples)
        validate_examples(examples, "LSTMTagger.get_loss")
        ops = self.model.ops
        tags, negated = self._read_tags(examples)
        gradient = cross_entropy_gradient(
            ops.flatten(scores),
            ops.asarray1i(tags),
            ops.asarray1i(negated),
            label_smoothing=self.cfg["label_smoothing"],
        )
        loss = float(cast(Any, gradient**2).sum())
        if numpy.isnan(loss):
            raise ValueError(Errors.E910.format(name=self.name))
        lengths = ops.asarray1i([len(example.predicted) for example in examples])
        return loss, ops.unflatten(gradient, lengths)

    def _read_tags(self, examples: Iterable[Example]) -> Tuple[List[int], List[bool]]:
        """For each predicted token the position of its tag among the labels, MISSING
        where there is none, and whether the tag is negated."""
        positions = {label: i for i, label in enumerate(self.labels)}
        tags, negated = [], []
        for example in examples:
            for tag in example.get_aligned("TAG", as_string=True):
                # Missing is "", and None where the tokens are not aligned.
                label, is_negated = split_negation(tag or "", self.cfg["neg_prefix"])
                position = positions.get(label) if tag else MISSING
                if position is None:
                    raise ValueError(
                        f"[{self.name}] The training data has the tag '{tag}', which "
                        f"is not one of the {len(positions)} labels of the component. "
                        f"Labels can't be added after initialization: add it to the "
                        f"labels given to 'initialize', or initialize with data that "
                        f"has all tags."
                    )
                tags.append(position)
                negated.append(is_negated)
        return tags, negated

    def to_disk(
        self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()
    ) -> None:
        """Save the pipe to disk, and a checksum of the weights.

        path (Union[str, Path]): Path to a directory.
        exclude (Iterable[str]): Names of serialization fields to exclude.
        """
        super().to_disk(path, exclude=exclude)
        if "model" not in exclude:
            (Path(path) / CHECKSUM).write_text(_checksum(path))

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Iterable[str] = tuple()
    ) -> "LSTMTagger":
        """Load the pipe from a bytestring.

        bytes_data (bytes): The serialized pipe.
        exclude (Iterable[str]): Names of serialization fields to exclude.
        RAISES (ValueError): If the weights are damaged or those of another model.
        """
        with self._explain_errors("the given bytes", exclude):
            return super().from_bytes(bytes_data, exclude=exclude)

    def from_disk(
        self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()
    ) -> "LSTMTagger":
        """Load the pipe from disk.

        path (Union[str, Path]): Path to a directory.
        exclude (Iterable[str]): Names of serialization fields to exclude.
        RAISES (ValueError): If the weights are damaged or those of another model.
        """
        with self._explain_errors(f"'{path}'", exclude):
            if "model" not in exclude:
                _verify_checksum(path)
            return super().from_disk(path, exclude=exclude)

    @contextlib.contextmanager
    def _explain_errors(self, source: str, exclude: Iterable[str]) -> Iterator[None]:
        # Damaged msgpack fails in many ways, depending on where the damage is.
        try:
            yield
            n_scores = self.model.maybe_get_dim("nO")
            are_loaded = not {"cfg", "model"}.intersection(exclude)
            if are_loaded and n_scores not in (None, len(self.labels)):
                raise ValueError(
                    f"the weights are for {n_scores} tags, the labels are "
                    f"{len(self.labels)}"
                )
        except OSError:
            raise
        except Exception as error:
            raise ValueError(
                f"[{self.name}] Can't load the component from {source}: {error!r}. The "
                f"weights are damaged, or were saved by a model with another config. "
                f"Restore the directory from a backup or train the pipeline again, and "
                f"check that its config.cfg is the one that it was trained with."
            ) from error


def _verify_checksum(path: Union[str, Path]) -> None:
    recorded = Path(path) / CHECKSUM
    if recorded.exists() and recorded.read_text() != _checksum(path):
        raise ValueError(f"the file 'model' does not match '{CHECKSUM}'")


def _checksum(path: Union[str, Path]) -> str:
    return hashlib.sha256((Path(path) / "model").read_bytes()).hexdigest()
