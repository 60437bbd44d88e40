"""Whether tagging with less work gives the same tags as the plain network."""

from typing import Dict, List

import numpy
from contestants import AUTO, PRECISION, Entry, find_encoder, in_precision
from measure import tagger_name
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from texts import Text
from thinc.layers.pytorchwrapper import forward as pytorch_forward

from spacy_lstm_tagger.encoder.fast.precision import PRODUCTS
from spacy_lstm_tagger.encoder.fast.reading import choose_precision


def compare_precisions(
    entry: Entry, texts: List[Text], gold: List[str]
) -> List[Dict[str, object]]:
    """All precisions of one pipeline.

    entry (Entry): The pipeline.
    texts (List[Text]): What to tag.
    gold (List[str]): The right tags, "" for none.
    """
    return [
        {
            "pipeline": in_precision(entry.contestant, precision),
            **compare(
                entry._replace(config={PRECISION: precision}).load(), texts, gold
            ),
        }
        for precision in (*PRODUCTS, AUTO)
    ]


def compare(nlp: Language, texts: List[Text], gold: List[str]) -> Dict[str, object]:
    tagger = nlp.get_pipe(tagger_name(nlp))
    docs = [text.make_doc(nlp.vocab) for text in texts]
    labels = numpy.asarray(tagger.labels)  # type: ignore[attr-defined]
    model = tagger.model  # type: ignore[attr-defined]
    tags = labels[model.ops.flatten(model.predict(docs)).argmax(axis=1)]
    plain_tags = labels[predict_plain(nlp, docs).argmax(axis=1)]
    has_tag = numpy.asarray(gold) != ""
    right = (tags == gold)[has_tag]
    plain_right = (plain_tags == gold)[has_tag]
    return {
        "same tags (%)": 100.0 * float((tags == plain_tags).mean()),
        "dev (%)": 100.0 * float(right.mean()),
        "plain dev (%)": 100.0 * float(plain_right.mean()),
        "lost accuracy (%)": 100.0 * float(plain_right.mean() - right.mean()),
    }


def predict_plain(nlp: Language, docs: List[Doc]) -> NDArray:
    """The scores of the network as it is trained, in float32.
    *Shape:* (n_tokens, n_labels)"""
    model = nlp.get_pipe(tagger_name(nlp)).model  # type: ignore[attr-defined]
    vectors, _ = pytorch_forward(find_encoder(nlp), docs, False)
    return model.get_ref("output_layer").predict(model.ops.flatten(vectors))


def fastest_precision(nlp: Language) -> str:
    """What "auto" is on this machine."""
    lstm = find_encoder(nlp).shims[0]._model.bilstm.layers[0].ahead
    return choose_precision(lstm.hidden_size)
