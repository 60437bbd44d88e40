"""The checks of `debug lstm-tagger` on texts and their tokens: each prints what it
finds and returns advice on it."""

from typing import List, Tuple

from wasabi import Printer

from .formatting import format_count, format_labels, format_spread, print_table
from .tag_data import TagData
from .tagger_data import Check, TaggerData

# Sentences can't be shorter on average, unless their boundaries are wrong.
SENTENCE_LENGTH_THRESHOLD = 2


def check_sizes(msg: Printer, tagger: TaggerData) -> List[str]:
    """Print the numbers of docs, words and sentences, and their lengths."""
    splits = (tagger.train, tagger.dev)
    rows: List[Tuple[str, ...]] = [
        ("Docs", *(str(data.n_docs) for data in splits)),
        ("Words", *(str(data.n_words) for data in splits)),
        ("Words per doc", *(format_spread(data.doc_lengths) for data in splits)),
        ("Sentences", *(format_count(data.sentence_lengths) for data in splits)),
        (
            "Tokens per sentence",
            *(format_spread(data.sentence_lengths) for data in splits),
        ),
        ("Whitespace tokens", *(str(data.n_whitespace) for data in splits)),
    ]
    print_table(msg, rows, ("", "Train", "Dev"))
    return []


def check_lengths(msg: Printer, tagger: TaggerData) -> List[str]:
    """Check that training has texts as long as those that will be tagged."""
    train, dev, window = tagger.train, tagger.dev, tagger.window
    if window is not None:
        n_train = sum(length > window for length in train.doc_lengths)
        n_dev = sum(length > window for length in dev.doc_lengths)
        if n_train or n_dev:
            msg.info(
                f"{n_train} training docs and {n_dev} evaluation docs are longer than "
                f"the window of {window} tokens, and read in overlapping windows"
            )
        else:
            msg.good(f"All docs fit into the window of {window} tokens")
    return [*_check_sentences(msg, train), *_check_joined(msg, tagger)]


def _check_sentences(msg: Printer, train: TagData) -> List[str]:
    # Documents of one token are no sign of wrong boundaries.
    lengths = train.divided_lengths
    if not lengths or sum(lengths) >= SENTENCE_LENGTH_THRESHOLD * len(lengths):
        return []
    msg.warn(
        f"Sentences in the train data have {sum(lengths) / len(lengths):.1f} tokens on "
        f"average: their boundaries are wrong"
    )
    return [
        "Correct the sentence boundaries of the train data. If the data was converted "
        "from CoNLL-U, fill in its column HEAD and convert it again: without it, "
        "'spacy convert' takes each token for a sentence."
    ]


def _check_joined(msg: Printer, tagger: TaggerData) -> List[str]:
    train = tagger.train
    if tagger.joins:
        return []
    if train.n_joined:
        msg.good(f"{train.n_joined} training docs have more than one sentence")
        return []
    advice = (
        "A tagger trained on single sentences is worse at whole documents: {}add the "
        "augmenter 'spacy_lstm_tagger.join_sentences.v1' to the training corpus."
    )
    if train.divided_lengths:
        msg.warn("No training doc has more than one sentence")
        return [advice.format("")]
    if train.n_undivided:
        msg.warn(
            "No sentence boundaries in the train data, so it is not known whether its "
            "docs have more than one sentence"
        )
        return [advice.format("if your training docs are that, ")]
    return []


def check_whitespace(msg: Printer, tagger: TaggerData) -> List[str]:
    """Check the tags of whitespace tokens, which real text has."""
    tags = tagger.train.whitespace_tags
    if not tags:
        msg.info("No tagged whitespace in train data: it will get an arbitrary tag")
        if not tagger.train.n_whitespace + tagger.dev.n_whitespace:
            return []
        return [
            "If tags of whitespace matter to you, add some with 'whitespace_level' of "
            "the augmenter 'spacy.combined_augmenter.v1'."
        ]
    if len(tags) > 1 and tagger.window is not None:
        msg.warn(
            f"Whitespace has {len(tags)} tags in train data, but is not read, so it "
            f"will always get the same: {format_labels(tags)}"
        )
        return ["Give all whitespace tokens the same tag, for example '_SP'."]
    return []


def check_tokens(msg: Printer, tagger: TaggerData) -> List[str]:
    """Count the tokens without a tag."""
    advice = []
    splits = (("training", tagger.train), ("dev", tagger.dev))
    for split, data in splits:
        if data.n_misaligned:
            msg.warn(
                f"{data.n_misaligned} misaligned tokens in the {split} data "
                f"({data.n_misaligned / data.n_words:.1%})"
            )
            advice.append(
                "Misaligned tokens teach nothing, and count as errors in evaluation. "
                "If your texts will come with the tokens of the annotation, set "
                "'gold_preproc = true'. If not, adapt the tokenizer to the annotation."
            )
    for split, data in splits:
        if data.n_missing:
            msg.warn(
                f"{data.n_missing} tokens without a tag in the {split} data "
                f"({data.n_missing / data.n_words:.1%})"
            )
    if not any(data.n_misaligned or data.n_missing for _, data in splits):
        msg.good("All words have a tag")
    return advice


TEXT_CHECKS: List[Check] = [check_lengths, check_whitespace, check_tokens]
