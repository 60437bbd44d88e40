"""The pipeline component `lstm_tagger`."""

import contextlib
import itertools
import warnings
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
    Set,
    Tuple,
    Union,
)

import numpy
from numpy.typing import NDArray
from spacy.attrs import TAG
from spacy.language import Language
from spacy.pipeline import Tagger
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from .arrays import split_by_total
from .checksum import verify_checksum, write_checksum
from .compat import find_rehearsal_model
from .progress import show_progress
from .tags.attributes import (
    register_alternatives,
    register_confidence,
    set_alternatives,
    set_confidence,
)
from .tags.constraints import (
    AllowedForms,
    TagDictionary,
    allowed_tags,
    collect_dictionary,
    compile_dictionary,
    lift_impossible,
    look_up_training,
    read_dictionary,
    register_allowed_tags,
)
from .tags.crf_layer import ChainScores
from .tags.decoding import (
    Lattice,
    best_sequences,
    best_tags,
    make_lattice,
    token_probabilities,
)
from .tags.negation import split_negation
from .training.annotation import Annotation, UnknownTagError, read_annotation
from .training.build_vocabulary import find_encoders, set_vocabulary
from .training.crf_loss import crf_loss, imitation_loss
from .training.joined import is_joined
from .training.parameters import make_writable
from .training.softmax_loss import softmax_loss, validate_label_smoothing

default_model_config = """
[model]
@architectures = "spacy_lstm_tagger.LSTMTagger.v1"

[model.tok2vec]
@architectures = "spacy_lstm_tagger.WordCharBiLSTM.v1"
width = 256
depth = 1
word_width = 150
character_width = 50
character_lstm_width = 300
spacing_width = 10
word_dropout = 0.75
spacing_dropout = 0.1
input_dropout = 5.0
layer_dropout = 2.0
min_word_count = 1
min_character_count = 2
max_characters = 24
window = 256
window_overlap = 32
include_static_vectors = false
precision = "float32"
learn_rate_factor = 1.0
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
        "constrain_training": False,
        "temperature": 1.0,
        "confidence_attribute": None,
        "alternatives_attribute": None,
        "n_alternatives": 3,
        "allowed_tags_attribute": "allowed_tags",
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
    constrain_training: bool,
    temperature: float,
    confidence_attribute: Optional[str],
    alternatives_attribute: Optional[str],
    n_alternatives: int,
    allowed_tags_attribute: Optional[str],
) -> "LSTMTagger":
    """Construct a part-of-speech tagger around an LSTM.

    model (Model[List[Doc], List[Floats2d]]): Scores each tag for each token. In
        training the scores are probabilities.
    overwrite (bool): Whether to overwrite tags that are set already.
    scorer (Optional[Callable]): The scoring method.
    neg_prefix (str): The prefix of a tag that a token does not have, in training data.
    label_smoothing (float): The probability that training gives to the other tags, all
        of them together.
    constrain_training (bool): Whether the tag dictionary rules out tags in training,
        too, and not only in what is predicted.
    temperature (float): The number that scores are divided by to get probabilities.
    confidence_attribute (Optional[str]): The custom attribute of tokens that gets the
        probability of the tag, for example "tag_confidence". None for none.
    alternatives_attribute (Optional[str]): The custom attribute of tokens that gets
        the most probable tags and their probabilities, for example
        "tag_alternatives". None for none.
    n_alternatives (int): The number of tags in that list.
    allowed_tags_attribute (Optional[str]): The custom attribute of documents that says
        which tags their tokens may have: a mapping from positions of tokens to lists
        of tags. None for none.
    """
    return LSTMTagger(
        nlp.vocab,
        model,
        name,
        overwrite=overwrite,
        scorer=scorer,
        neg_prefix=neg_prefix,
        label_smoothing=label_smoothing,
        constrain_training=constrain_training,
        temperature=temperature,
        confidence_attribute=confidence_attribute,
        alternatives_attribute=alternatives_attribute,
        n_alternatives=n_alternatives,
        allowed_tags_attribute=allowed_tags_attribute,
    )


# The number of tokens that are tagged at a time, unless a single document has more, so
# that memory does not grow with the batch size of the pipeline.
MAX_TOKENS = 32768


class Predictions(List[NDArray]):
    """The positions in `labels` of the tags of each document. If custom attributes need
    them, `probabilities` has those of all tags, for each document."""

    def __init__(self) -> None:
        super().__init__()
        self.probabilities: List[NDArray] = []


# Settings that are saved with the labels, as those of spaCy's `tagger` are, but are not
# loaded from there: in the config, they may have got other values since training.
SETTINGS = ("overwrite", "neg_prefix", "label_smoothing")


class LSTMTagger(Tagger):
    """Pipeline component for part-of-speech tagging: a drop-in for spaCy's own
    `tagger`, with its settings, scores and treatment of annotations."""

    # Set once a warning has said that the tags that the component finds are not used.
    _has_warned = False

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "lstm_tagger",
        *,
        constrain_training: bool = False,
        temperature: float = 1.0,
        confidence_attribute: Optional[str] = None,
        alternatives_attribute: Optional[str] = None,
        n_alternatives: int = 3,
        allowed_tags_attribute: Optional[str] = "allowed_tags",
        **settings: Any,
    ) -> None:
        """Initialize the tagger. The arguments are those of `make_lstm_tagger`, and
        `settings` those of spaCy's `Tagger`.

        RAISES (ValueError): If a setting is out of range, or if a custom attribute is
            taken by another one of its name.
        """
        super().__init__(vocab, model, name, **settings)
        label_smoothing = self.cfg["label_smoothing"]
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(
                f"[{name}] 'label_smoothing = {label_smoothing}' needs to be at least "
                f"0 and less than 1."
            )
        if not 0.0 < temperature < numpy.inf:
            raise ValueError(
                f"[{name}] 'temperature = {temperature}' needs to be a number that is "
                f"more than 0."
            )
        if n_alternatives < 1:
            raise ValueError(
                f"[{name}] 'n_alternatives = {n_alternatives}' needs to be at least 1."
            )
        self.constrain_training = constrain_training
        self.temperature = temperature
        self.confidence_attribute = confidence_attribute
        self.alternatives_attribute = alternatives_attribute
        self.n_alternatives = n_alternatives
        self.allowed_tags_attribute = allowed_tags_attribute
        self.cfg["tag_dictionary"] = {}
        self.cfg["tag_dictionary_lower"] = False
        self._allowed_forms: Optional[AllowedForms] = None
        self._register_attributes()

    def __setstate__(self, state: Any) -> None:
        """Unpickle the component, for example in another process."""
        super().__setstate__(state)
        self._register_attributes()

    def _register_attributes(self) -> None:
        if self.allowed_tags_attribute is not None:
            register_allowed_tags(self.allowed_tags_attribute)
        if self.confidence_attribute is not None:
            register_confidence(self.confidence_attribute)
        if self.alternatives_attribute is not None:
            register_alternatives(self.alternatives_attribute)

    def predict(self, docs: Union[Doc, Iterable[Doc]]) -> Predictions:
        """Find the tags of documents, without changing them.

        docs (Union[Doc, Iterable[Doc]]): The documents. One Doc counts as a list of
            one.
        RETURNS (Predictions): For each document the positions of its tags in
            `labels`. *Shape:* (n_tokens,)
        RAISES (TypeError): If something else is among the documents.
        """
        predictions = Predictions()
        for part in _parts(self._list_docs(docs)):
            lattice, posterior = self._predict_lattice(part)
            if posterior or self._has_token_attributes():
                probabilities = token_probabilities(lattice)
                predictions.probabilities.extend(_split(probabilities, part))
            tags = probabilities.argmax(axis=1) if posterior else best_tags(lattice)
            predictions.extend(_split(tags, part))
        return predictions

    def _has_token_attributes(self) -> bool:
        names = (self.confidence_attribute, self.alternatives_attribute)
        return any(name is not None for name in names)

    def predict_proba(self, docs: Union[Doc, Iterable[Doc]]) -> List[NDArray]:
        """Find the probability of each tag of each token, without changing the
        documents: the softmax of its scores, or with a CRF its marginal probability.

        docs (Union[Doc, Iterable[Doc]]): The documents, after the components that come
            earlier in the pipeline. One Doc counts as a list of one.
        RETURNS (List[NDArray]): For each document, of float32, the columns in the
            order of `labels`. *Shape:* (n_tokens, n_labels)
        RAISES (TypeError): If something else is among the documents.
        """
        found = []
        for part in _parts(self._list_docs(docs)):
            lattice, _ = self._predict_lattice(part)
            found += _split(token_probabilities(lattice).astype("float32"), part)
        return found

    def score_tags(self, docs: Union[Doc, Iterable[Doc]]) -> Iterator[Lattice]:
        """Score each tag of each token, without changing the documents.

        docs (Union[Doc, Iterable[Doc]]): The documents, after the components that come
            earlier in the pipeline. One Doc counts as a list of one.
        YIELDS (Lattice): The scores of one part of the documents after the other,
            divided by the temperature.
        RAISES (TypeError): If something else is among the documents.
        """
        for part in _parts(self._list_docs(docs)):
            yield self._predict_lattice(part)[0]

    def k_best(
        self, docs: Union[Doc, Iterable[Doc]], k: int
    ) -> List[List[Tuple[List[str], float]]]:
        """Find the most probable sequences of tags, exactly, without changing the
        documents.

        docs (Union[Doc, Iterable[Doc]]): The documents, after the components that come
            earlier in the pipeline. One Doc counts as a list of one.
        k (int): The number of sequences to find for each.
        RETURNS (List[List[Tuple[List[str], float]]]): For each document the tags of
            its tokens and the natural logarithm of their probability, the most
            probable ones first; fewer than `k` if no more are possible.
        RAISES (ValueError): If `k` is less than 1.
        RAISES (TypeError): If something else is among the documents.
        """
        if k < 1:
            raise ValueError(
                f"Can't find the {k} best sequences: k has to be 1 or more."
            )
        found = []
        for doc in self._list_docs(docs):
            lattice, _ = self._predict_lattice([doc])
            found.append(
                [
                    ([self.labels[tag] for tag in tags], log_probability)
                    for tags, log_probability in best_sequences(lattice, k)
                ]
            )
        return found

    def _list_docs(self, docs: Union[Doc, Iterable[Doc]]) -> List[Doc]:
        found = [docs] if isinstance(docs, Doc) else list(docs)
        for doc in found:
            if not isinstance(doc, Doc):
                raise TypeError(
                    f"[{self.name}] Can't tag an object of type "
                    f"'{type(doc).__name__}': a Doc is needed, or a list of Docs. "
                    f"'nlp.make_doc' makes one from a text, 'as_doc' from a span."
                )
        return found

    def _predict_lattice(self, docs: List[Doc]) -> Tuple[Lattice, bool]:
        """Return the scores of documents, and True if they are decoded by the most
        probable tag of each token."""
        if any(len(doc) for doc in docs):
            scores = self.model.predict(docs)
        else:
            # The model can't be run without any tokens.
            scores = [self.model.ops.alloc2f(0, len(self.labels)) for _ in docs]
        chain, posterior, by_sentence = None, False, False
        if isinstance(scores, ChainScores):
            chain = scores.chain
            posterior = scores.decoding.posterior
            by_sentence = scores.decoding.by_sentence
        lattice = make_lattice(
            docs,
            self._to_logits(scores),
            chain,
            by_sentence=by_sentence,
            allowed=allowed_tags(
                docs, self.labels, self._allowed_forms, self.allowed_tags_attribute
            ),
        )
        return lattice.divided(self.temperature), posterior

    def _to_logits(self, scores: Sequence[Floats2d]) -> NDArray:
        # One copy from the device, not one for each document.
        rows = self.model.ops.to_numpy(self.model.ops.flatten(scores))
        softmax = self.model.maybe_get_ref("softmax")
        if softmax is not None and softmax.attrs.get("softmax_normalize"):
            # spaCy's own architecture may be asked for probabilities.
            return numpy.log(numpy.maximum(rows, numpy.finfo(rows.dtype).tiny))
        return rows

    def set_annotations(
        self, docs: Union[Doc, Iterable[Doc]], batch_tag_ids: Sequence[NDArray]
    ) -> None:
        """Set the tags of documents, all tags of a document in one step. Without
        `overwrite`, tags that are set already stay, and there is one warning if these
        are all tags of a document.

        docs (Union[Doc, Iterable[Doc]]): The documents to modify.
        batch_tag_ids (Sequence[NDArray]): For each document the positions of its
            tags in `labels`, as `predict` returns them. *Shape:* (n_tokens,)
        RAISES (TypeError): If something else is among the documents.
        """
        docs = self._list_docs(docs)
        strings = self.vocab.strings
        hashes = numpy.asarray(
            [strings.add(tag) for tag in self.labels], dtype="uint64"
        )
        probabilities = getattr(batch_tag_ids, "probabilities", [])
        if probabilities:
            self._set_attributes(docs, batch_tag_ids, probabilities)
        is_unused = False
        for doc, tag_ids in zip(docs, batch_tag_ids):
            if len(doc):
                tags = hashes[tag_ids]
                if not self.cfg["overwrite"]:
                    present = doc.to_array(TAG)
                    is_unused = is_unused or bool(present.all())
                    tags = numpy.where(present != 0, present, tags)
                doc.from_array(TAG, tags)
        if is_unused and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"[{self.name}] All tokens of a Doc have tags already, which this "
                f"component leaves as they are: the tags that it finds are not used. "
                f"Set 'overwrite = true' in its config to replace those that are "
                f"there, or remove the other tagger from the pipeline.",
                stacklevel=2,
            )

    def _set_attributes(
        self,
        docs: Sequence[Doc],
        batch_tag_ids: Sequence[NDArray],
        probabilities: Sequence[NDArray],
    ) -> None:
        for doc, tags, rows in zip(docs, batch_tag_ids, probabilities):
            if self.confidence_attribute is not None:
                set_confidence(doc, self.confidence_attribute, rows, tags)
            if self.alternatives_attribute is not None:
                set_alternatives(
                    doc,
                    self.alternatives_attribute,
                    rows,
                    self.labels,
                    self.n_alternatives,
                )

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Iterable[str]] = None,
        tag_dictionary: Optional[Any] = None,
        tag_dictionary_min_count: Optional[int] = None,
        tag_dictionary_lower: bool = False,
    ) -> None:
        """Initialize the pipe for training. The labels and the vocabulary are taken
        from all examples, not from a sample.

        get_examples (Callable[[], Iterable[Example]]): Returns the examples.
        nlp (Optional[Language]): The current nlp object.
        labels (Optional[Iterable[str]]): The tags, for example from the
            `init labels` command. By default those of the examples.
        tag_dictionary (Optional[Any]): The tags that word forms may have: a mapping
            from forms to lists of tags, or a list of objects with "form" and "tags".
            Other forms may have any tag.
        tag_dictionary_min_count (Optional[int]): Add the forms that the examples have
            as often as this, with all the tags that they have there. `tag_dictionary`
            goes before that.
        tag_dictionary_lower (bool): Whether forms are lower-cased, so that the
            dictionary does not distinguish upper and lower case.
        RAISES (ValueError): If the dictionary can't be read or has unknown tags, or if
            there are too few tags for `label_smoothing`.
        """
        validate_get_examples(get_examples, "LSTMTagger.initialize")
        # Before all that takes long, since it may be malformed.
        entries = {} if tag_dictionary is None else tag_dictionary
        given = read_dictionary(entries, lower=tag_dictionary_lower)
        if labels is None:
            examples = show_progress(get_examples(), "Collecting tags", unit="doc")
            labels = self._collect_tags(examples)
        labels = list(labels)
        self._check_labels({*self.labels, *labels})
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
        collected = {}
        if tag_dictionary_min_count is not None:
            title = "Building the tag dictionary"
            examples = show_progress(get_examples(), title, unit="doc")
            collected = collect_dictionary(
                (eg for eg in examples if not is_joined(eg.reference)),
                min_count=tag_dictionary_min_count,
                neg_prefix=self.cfg["neg_prefix"],
                lower=tag_dictionary_lower,
            )
        self._use_dictionary({**collected, **given}, tag_dictionary_lower)

    def set_tag_dictionary(self, entries: Any, *, lower: bool = False) -> None:
        """Set the tags that word forms may have. Other forms may have any tag.

        entries (Any): A mapping from forms to lists of tags, or a list of objects
            with "form" and "tags". A form that occurs more than once has the tags of
            all its entries. An empty one removes the dictionary.
        lower (bool): Whether forms are lower-cased, so that the dictionary does not
            distinguish upper and lower case.
        RAISES (ValueError): If it can't be read or has unknown tags.
        """
        self._use_dictionary(read_dictionary(entries, lower=lower), lower)

    def _use_dictionary(self, dictionary: TagDictionary, lower: bool) -> None:
        self._allowed_forms = compile_dictionary(
            dictionary, self.labels, self.vocab.strings, lower=lower
        )
        self.cfg["tag_dictionary"] = dictionary
        self.cfg["tag_dictionary_lower"] = lower

    def _compile_dictionary(self) -> None:
        """Compile the present dictionary anew, when it was loaded or labels changed."""
        self._use_dictionary(
            self.cfg["tag_dictionary"], self.cfg["tag_dictionary_lower"]
        )

    def add_label(self, label: str) -> int:
        """Add a tag. After initialization that needs a model that is resizable.

        label (str): The tag.
        RETURNS (int): 0 if it is one of the labels already, or else 1.
        """
        added = super().add_label(label)
        if added and self.is_resizable and self.model.has_dim("nO"):
            self.set_output(len(self.labels))
            self._compile_dictionary()
        return added

    def _check_labels(self, labels: Set[str]) -> None:
        validate_label_smoothing(self.cfg["label_smoothing"], len(labels))
        if len(labels) == 1:
            (label,) = labels
            warnings.warn(
                f"[{self.name}] '{label}' is the only tag, so every token will get it. "
                f"Initialize the component with data that has all tags, or give them "
                f"as 'labels'.",
                stacklevel=3,
            )

    def _collect_tags(self, examples: Iterable[Example]) -> List[str]:
        tags = {token.tag_ for example in examples for token in example.y}
        # "!NN" says something about the tag "NN"; it is not a tag itself.
        prefix = self.cfg["neg_prefix"]
        return sorted({split_negation(tag, prefix)[0] for tag in tags if tag})

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch of examples, as spaCy's `tagger` does. Weights that can't
        be written to, as they come out of another process, are copied first.

        examples (Iterable[Example]): A batch of examples.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer.
        losses (Optional[Dict[str, float]]): Losses to update, keyed by name.
        RETURNS (Dict[str, float]): The updated losses.
        """
        make_writable(self.model)
        return super().update(examples, drop=drop, sgd=sgd, losses=losses)

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Perform a "rehearsal" update, as spaCy's `tagger` does. The present model is
        the student. Its teacher is the copy that `resume_training` has made of it,
        which predicts without dropout.

        examples (Iterable[Example]): A batch of examples.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer.
        losses (Optional[Dict[str, float]]): Losses to update, keyed by name.
        RETURNS (Dict[str, float]): The updated losses.
        RAISES (RuntimeError): If spaCy doesn't keep such a copy.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        teacher = find_rehearsal_model(self)
        if teacher is None:
            return losses
        if self.is_resizable and teacher.maybe_get_dim("nO") != len(self.labels):
            # Labels were added: a teacher needs the same tags as its student.
            teacher.attrs["resize_output"](teacher, len(self.labels))
        make_writable(self.model)
        set_dropout_rate(teacher, 0.0)
        if not self.model.has_ref("crf"):
            return super().rehearse(examples, drop=drop, sgd=sgd, losses=losses)
        validate_examples(examples, "LSTMTagger.rehearse")
        docs = [example.predicted for example in examples]
        if not any(len(doc) for doc in docs):
            return losses
        set_dropout_rate(self.model, drop)
        scores, backprop = self.model.begin_update(docs)
        # Not `predict`: behind a listener, that reads what the present encoder left.
        teacher_scores, _ = teacher.begin_update(docs)
        loss, gradient = imitation_loss(self.model.ops, docs, scores, teacher_scores)
        backprop(gradient)
        self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(
        self, examples: Iterable[Example], scores: Sequence[Floats2d]
    ) -> Tuple[float, List[Floats2d]]:
        """Find the loss and its gradient for the batch of documents.

        The gradient is that of the negative log-likelihood of what is known of the
        tags, with label smoothing, with respect to the scores before the softmax, or
        to those of a CRF. Tokens that nothing is known of, or that are misaligned,
        have none of their own.

        The loss that is reported is that likelihood for a CRF. For a softmax it is the
        sum of the squares of the gradient, as with spaCy's `tagger`, so that the two
        can be compared: without label smoothing, 0 when all tags are predicted with
        certainty.

        examples (Iterable[Example]): The batch of examples.
        scores (Sequence[Floats2d]): Probabilities, or what a CRF model gives.
            *Shape:* (n_tokens, n_labels)
        RETURNS (Tuple[float, List[Floats2d]]): The loss and the gradient.
        RAISES (ValueError): If an example has a tag that is not in `labels`, or if
            the loss is not a number.
        """
        examples = list(examples)
        validate_examples(examples, "LSTMTagger.get_loss")
        validate_label_smoothing(self.cfg["label_smoothing"], len(self.labels))
        annotation = self._read_annotation(examples)
        domain = self._find_domain(examples, annotation)
        has_chain = isinstance(scores, ChainScores)
        find_loss: Callable = crf_loss if has_chain else softmax_loss
        loss, gradient = find_loss(
            self.model.ops,
            [example.predicted for example in examples],
            scores,
            annotation,
            domain,
            label_smoothing=self.cfg["label_smoothing"],
        )
        if numpy.isnan(loss):
            raise ValueError(
                f"[{self.name}] The loss is not a number (NaN). Train with a lower "
                f"learning rate, and check that the weights and vectors that training "
                f"starts from are finite."
            )
        return loss, gradient

    def _read_annotation(self, examples: List[Example]) -> Annotation:
        try:
            return read_annotation(
                examples,
                self.labels,
                self.cfg["neg_prefix"],
                self.allowed_tags_attribute,
            )
        except UnknownTagError as error:
            raise ValueError(
                f"[{self.name}] The training data has the tag '{error}', which is not "
                f"one of the {len(self.labels)} labels of the component. Labels can't "
                f"be added after initialization, unless the model is resizable: add it "
                f"to the labels given to 'initialize', or initialize with data that "
                f"has all tags."
            ) from None

    def _find_domain(
        self, examples: List[Example], annotation: Annotation
    ) -> Optional[NDArray[numpy.bool_]]:
        """Return the tags that the dictionary allows in training, or None if it is not
        to be asked. *Shape:* (n_tokens, n_labels)"""
        if not self.constrain_training or self._allowed_forms is None:
            return None
        rows = [
            look_up_training(example, self._allowed_forms, self.allowed_tags_attribute)
            for example in examples
        ]
        allowed = numpy.concatenate(rows)
        agrees = (allowed & annotation.evidence).any(axis=1, keepdims=True)
        return lift_impossible(allowed & agrees)

    def to_disk(
        self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()
    ) -> None:
        """Save the pipe to disk, and a checksum of the weights.

        path (Union[str, Path]): Path to a directory.
        exclude (Iterable[str]): Names of serialization fields to exclude.
        """
        super().to_disk(path, exclude=exclude)
        if "model" not in exclude:
            write_checksum(path)

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Iterable[str] = tuple()
    ) -> "LSTMTagger":
        """Load the pipe from a bytestring: its labels, tag dictionary and weights. The
        settings stay those of the config that the component was made from.

        bytes_data (bytes): The serialized pipe.
        exclude (Iterable[str]): Names of serialization fields to exclude.
        RAISES (ValueError): If the weights are damaged or those of another model.
        """
        with self._load_from("the given bytes", exclude):
            return super().from_bytes(bytes_data, exclude=exclude)

    def from_disk(
        self, path: Union[str, Path], *, exclude: Iterable[str] = tuple()
    ) -> "LSTMTagger":
        """Load the pipe from disk: its labels, tag dictionary and weights. The settings
        stay those of the config that the component was made from.

        path (Union[str, Path]): Path to a directory.
        exclude (Iterable[str]): Names of serialization fields to exclude.
        RAISES (ValueError): If the weights are damaged or those of another model.
        """
        with self._load_from(f"'{path}'", exclude):
            if "model" not in exclude:
                verify_checksum(path)
            return super().from_disk(path, exclude=exclude)

    @contextlib.contextmanager
    def _load_from(self, source: str, exclude: Iterable[str]) -> Iterator[None]:
        """Keep the present settings while the component is loaded, use the dictionary
        that was loaded, and explain errors."""
        settings = {name: self.cfg[name] for name in SETTINGS}
        if "cfg" not in exclude:
            # Earlier versions saved no dictionary, or did not say how to look it up.
            self.cfg["tag_dictionary"] = {}
            self.cfg["tag_dictionary_lower"] = False
        # Damaged msgpack fails in many ways, depending on where the damage is.
        try:
            yield
            for label in self.labels:
                # For good: what is first added in a memory zone goes when that ends.
                self.vocab.strings.add(label)
            self._compile_dictionary()
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
        finally:
            self.cfg.update(settings)


def _parts(docs: List[Doc]) -> Iterator[List[Doc]]:
    """Split documents into parts that are tagged one after the other."""
    lengths = numpy.asarray([len(doc) for doc in docs], dtype="int64")
    for part in split_by_total(lengths, MAX_TOKENS):
        yield docs[part]


def _split(values: NDArray, docs: Sequence[Doc]) -> List[NDArray]:
    """Split rows for all tokens into the rows for each document."""
    ends = itertools.accumulate(len(doc) for doc in docs)
    return [values[end - len(doc) : end] for doc, end in zip(docs, ends)]
