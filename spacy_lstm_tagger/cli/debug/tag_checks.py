"""The checks of `debug lstm-tagger` on tags and words: each prints what it finds and
returns advice on it."""

from collections import Counter
from typing import List, Optional, Set

from wasabi import Printer

from .formatting import format_labels, print_table
from .tagger_data import Check, TaggerData

# Fewer tokens of a tag in the training data are rare.
RARE_TAG_THRESHOLD = 10
# A greater share of unknown words in the dev data is high.
UNKNOWN_WORDS_THRESHOLD = 0.15
# The number of words and forms that are listed.
N_LISTED = 10


def check_tags(msg: Printer, tagger: TaggerData) -> List[str]:
    """Print how often each tag occurs, and warn of those that are rare or missing."""
    train, dev = tagger.train.tags, tagger.dev.tags
    msg.info(f"{len(train)} tag(s) in train data, {len(dev)} in dev data")
    for split, tags in (("train", train), ("dev", dev)):
        if not tags:
            msg.fail(f"No tags in the {split} data")
    if not train or not dev:
        return ["Add tags to the data: the 'tag' of each token (XPOS in CoNLL-U)."]
    order = sorted(train | dev, key=lambda tag: (-train[tag], -dev[tag], tag))
    rows = [(tag, str(train[tag]), str(dev[tag])) for tag in order]
    print_table(msg, rows, ("Tag", "Train", "Dev"))
    return [
        *_check_single(msg, train),
        *_check_missing(msg, train, dev),
        *_check_rare(msg, train),
        *_check_labels(msg, train, tagger.labels),
    ]


def _check_single(msg: Printer, train: "Counter[str]") -> List[str]:
    if len(train) > 1:
        return []
    msg.warn(f"Only one tag in the train data: {', '.join(map(repr, train))}")
    return [
        "From data with a single tag, a tagger can only learn to give that tag to all "
        "tokens: check that your tags are the 'tag' of each token (XPOS in CoNLL-U), "
        "not its 'pos'."
    ]


def _check_missing(
    msg: Printer, train: "Counter[str]", dev: "Counter[str]"
) -> List[str]:
    only_dev = {tag: dev[tag] for tag in dev if tag not in train}
    only_train = {tag: train[tag] for tag in train if tag not in dev}
    if only_train:
        msg.warn(
            f"{len(only_train)} tag(s) found only in the train data, so not evaluated: "
            f"{format_labels(only_train)}"
        )
    if only_dev:
        msg.warn(
            f"{len(only_dev)} tag(s) found only in the dev data, so not learned: "
            f"{format_labels(only_dev)}"
        )
        return ["Look for mistakes in the tags that only one of train and dev has."]
    msg.good("All tags of the dev data are in the train data")
    return []


def _check_rare(msg: Printer, train: "Counter[str]") -> List[str]:
    rare = {tag: n for tag, n in train.items() if n < RARE_TAG_THRESHOLD}
    if not rare:
        msg.good("Good amount of tokens for all tags")
        return []
    msg.warn(
        f"Low number of tokens for {len(rare)} tag(s) in the train data: "
        f"{format_labels(rare)}"
    )
    return [
        f"Annotate more text with the rare tags, or merge them with others: your data "
        f"should include at least {RARE_TAG_THRESHOLD} tokens of each tag."
    ]


def _check_labels(
    msg: Printer, train: "Counter[str]", labels: Optional[Set[str]]
) -> List[str]:
    if labels is None:
        return []
    missing = sorted(labels - set(train))
    unexpected = {tag: n for tag, n in train.items() if tag not in labels}
    if missing:
        msg.warn(
            f"Some model labels are not present in the train data. The model "
            f"performance may be degraded for these labels after training: "
            f"{', '.join(repr(label) for label in missing)}"
        )
    if not unexpected:
        msg.good("All tags of the train data are labels of the component")
        return []
    msg.fail(
        f"{len(unexpected)} tag(s) in train data are not labels of the component: "
        f"{format_labels(unexpected)}"
    )
    return ["Run the 'init labels' command again, to have labels for all tags."]


def check_negated_tags(msg: Printer, tagger: TaggerData) -> List[str]:
    """Count the tags that tokens are annotated not to have."""
    prefix = tagger.neg_prefix
    train, dev = (
        {prefix + tag: n for tag, n in data.negated.items()}
        for data in (tagger.train, tagger.dev)
    )
    if train:
        msg.info(
            f"{sum(train.values())} token(s) in train data with a negated tag: "
            f"{format_labels(train)}"
        )
    never = sorted(tag for tag in tagger.train.negated if tag not in tagger.train.tags)
    if never:
        msg.warn(
            f"{len(never)} tag(s) found only negated in the train data, which become "
            f"labels that no token has: {', '.join(repr(tag) for tag in never)}"
        )
    if not dev:
        return []
    msg.warn(
        f"{sum(dev.values())} token(s) in dev data with a negated tag, which count as "
        f"errors: {format_labels(dev)}"
    )
    return [
        f"Leave tokens of the dev data without a tag instead of giving them a negated "
        f"one, or change 'neg_prefix' if '{prefix}' is part of your tags."
    ]


def check_words(msg: Printer, tagger: TaggerData) -> List[str]:
    """Count the words of the dev data that the tagger won't know."""
    n_words = tagger.dev.n_words
    if not n_words:
        msg.fail("No words in the dev data")
        return []
    unknown = tagger.dev.unknown_words(tagger.vocabulary)
    n_unknown = unknown.total()
    share = n_unknown / n_words
    text = f"{n_unknown} of {n_words} words in dev data are unknown ({share:.1%})"
    if not n_unknown:
        msg.warn(f"{text}, so the scores say nothing about unknown words")
        return ["Evaluate with texts that are not in the train data."]
    is_high = share > UNKNOWN_WORDS_THRESHOLD
    (msg.warn if is_high else msg.info)(text)
    msg.text(f"Most frequent unknown words: {format_labels(unknown, N_LISTED)}")
    if not is_high:
        return []
    return [
        "For the many unknown words, use word vectors (include_static_vectors = true), "
        "pretrain the encoder with 'spacy pretrain', or annotate texts that are more "
        "like those of the dev data."
    ]


def check_ambiguity(msg: Printer, tagger: TaggerData) -> List[str]:
    """Print the forms that have several tags."""
    forms = tagger.train.ambiguous_forms()
    n_tagged = sum(tags.total() for tags in tagger.train.form_tags.values())
    if not forms:
        msg.info("No form with more than one tag in train data")
        return []
    n_ambiguous = sum(tags.total() for _, tags in forms)
    msg.info(
        f"{len(forms)} form(s) with more than one tag in train data: "
        f"{n_ambiguous / n_tagged:.1%} of the words"
    )
    rows = [
        (form, str(tags.total()), format_labels(tags))
        for form, tags in forms[:N_LISTED]
    ]
    print_table(msg, rows, ("Form", "Train", "Tags"), aligns=("l", "r", "l"))
    return []


def check_pipeline(msg: Printer, tagger: TaggerData) -> List[str]:
    """Warn of components whose tags are there already, so that ours are discarded."""
    advice = []
    for name in tagger.earlier_taggers:
        msg.warn(
            f"The component '{name}' sets tags before '{tagger.name}', but "
            f"'overwrite = false': the tags of '{tagger.name}' will be discarded"
        )
        advice.append(
            f"Set 'overwrite = true' for '{tagger.name}', or remove '{name}' from the "
            f"pipeline."
        )
    return advice


TAG_CHECKS: List[Check] = [
    check_pipeline,
    check_tags,
    check_negated_tags,
    check_words,
    check_ambiguity,
]
