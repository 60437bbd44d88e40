"""Check the sample treebank: format, tag inventory, consistency of the tags.

python assets/sample/check.py            # exit code 1 and a list if wrong
python assets/sample/check.py --varying  # also list forms with several tags
"""

import argparse
import sys
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

SPLITS = ("train", "dev", "test")
REGISTERS = {"news", "mail", "review", "question", "dialogue", "instruction", "web"}

# Each XPOS with the UPOS it may have, as in UD English-EWT.
PAIRS = {
    "$": "SYM",
    "''": "PUNCT",
    ",": "PUNCT SYM",
    "-LRB-": "PUNCT",
    "-RRB-": "PUNCT",
    ".": "PUNCT",
    ":": "PUNCT",
    "ADD": "PROPN X",
    "AFX": "X",
    "CC": "CCONJ",
    "CD": "NUM",
    "DT": "DET PRON",
    "EX": "PRON",
    "FW": "X NOUN ADV",
    "GW": "X NOUN PROPN ADJ ADV ADP PRON VERB AUX",
    "HYPH": "PUNCT",
    "IN": "ADP SCONJ X",
    "JJ": "ADJ",
    "JJR": "ADJ",
    "JJS": "ADJ",
    "LS": "NUM",
    "MD": "AUX",
    "NFP": "PUNCT SYM",
    "NN": "NOUN PRON SYM",
    "NNP": "PROPN ADJ",
    "NNPS": "PROPN",
    "NNS": "NOUN",
    "PDT": "DET",
    "POS": "PART",
    "PRP": "PRON X",
    "PRP$": "PRON",
    "RB": "ADV PART",
    "RBR": "ADV",
    "RBS": "ADV",
    "RP": "ADP",
    "SYM": "SYM",
    "TO": "PART",
    "UH": "INTJ",
    "VB": "VERB AUX",
    "VBD": "VERB AUX",
    "VBG": "VERB AUX",
    "VBN": "VERB AUX",
    "VBP": "VERB AUX",
    "VBZ": "VERB AUX",
    "WDT": "DET PRON",
    "WP": "PRON",
    "WP$": "PRON",
    "WRB": "ADV",
    "``": "PUNCT",
}
UPOS = {upos for listed in PAIRS.values() for upos in listed.split()}

# Tags of closed classes, with every form each may stand on in the sample.
# A new sentence may need a form added here: look at its tag first.
CLOSED_TAGS = {
    "$": "$ £ €",
    "''": "\" ' \u201d",
    "``": "\" ' \u201c",
    ",": ", ; -- ... /",
    ".": ". ? ! !! !!! ?! ??? ...",
    ":": ": -",
    "-LRB-": "( [",
    "-RRB-": ") ]",
    "CC": "and or but nor & yet either neither both plus",
    "DT": (
        "a an the this that these those some any no each every another all both "
        "either neither"
    ),
    "EX": "there",
    "HYPH": "-",
    "MD": (
        "can could will would should may might must shall ought ca wo "
        "'ll \u2019ll 'd \u2019d"
    ),
    "PDT": "all both half such quite",
    "POS": "'s ' \u2019s \u2019",
    "PRP": (
        "i you he she it we they me him her us them mine yours his hers ours theirs u "
        "'s myself yourself himself herself itself ourselves yourselves themselves self"
    ),
    "PRP$": "my your his her its our their",
    "SYM": "- + = ~ x",
    "TO": "to na ta",
    "WDT": "that which what whichever whatever",
    "WP": "who whom what whoever whatever",
    "WP$": "whose",
    "WRB": "when where why how whenever wherever however",
}
# Common words of closed classes, with every XPOS each may have.
CLOSED_WORDS = {
    "a": "DT LS FW",
    "an": "DT",
    "the": "DT",
    "and": "CC",
    "or": "CC",
    "but": "CC IN",
    "this": "DT",
    "these": "DT",
    "those": "DT",
    "that": "IN DT WDT RB",
    "to": "TO IN",
    "of": "IN",
    "for": "IN",
    "from": "IN",
    "with": "IN GW",
    "at": "IN",
    "into": "IN",
    "if": "IN",
    "because": "IN",
    "than": "IN",
    "as": "IN RB",
    "in": "IN RP RB NN GW",
    "on": "IN RP RB",
    "so": "RB IN",
    "not": "RB",
    "n't": "RB",
    "n\u2019t": "RB",
    "i": "PRP",
    "you": "PRP",
    "he": "PRP",
    "she": "PRP",
    "it": "PRP",
    "we": "PRP",
    "they": "PRP",
    "him": "PRP",
    "them": "PRP",
    "us": "PRP",
    "her": "PRP PRP$",
    "his": "PRP PRP$",
    "my": "PRP$ GW",
    "your": "PRP$",
    "its": "PRP$",
    "our": "PRP$",
    "their": "PRP$",
    "there": "EX RB",
    "who": "WP",
    "whose": "WP$",
    "which": "WDT",
    "what": "WP WDT",
    "when": "WRB",
    "where": "WRB",
    "why": "WRB",
    "how": "WRB",
    "be": "VB",
    "been": "VBN",
    "being": "VBG",
    "am": "VBP",
    "are": "VBP",
    "is": "VBZ",
    "was": "VBD",
    "were": "VBD",
    "has": "VBZ",
    "had": "VBD VBN",
    "have": "VB VBP",
    "do": "VB VBP",
    "does": "VBZ",
    "did": "VBD",
    "done": "VBN",
    "can": "MD NN",
    "could": "MD",
    "would": "MD",
    "should": "MD",
    "will": "MD NN",
    "must": "MD NN",
    "'s": "POS VBZ PRP",
    "'re": "VBP",
    "'ve": "VBP",
    "'m": "VBP",
    "'ll": "MD",
    "'d": "MD VBD",
    "please": "UH VB",
}


@dataclass(frozen=True)
class Token:
    line: int
    form: str
    upos: str
    xpos: str
    space_after: bool


@dataclass
class Sentence:
    path: Path
    line: int
    comments: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    tokens: list[Token] = field(default_factory=list)

    def comment(self, key: str) -> str:
        return self.comments[key][0] if self.comments.get(key) else ""

    @property
    def joined(self) -> str:
        """The text the tokens make."""
        return "".join(
            t.form + (" " if t.space_after else "") for t in self.tokens
        ).rstrip(" ")


class Checker:
    def __init__(self) -> None:
        self.errors: list[str] = []

    def error(self, path: Path, line: int, message: str) -> None:
        self.errors.append(f"{path.name}:{line}: {message}")

    def read(self, path: Path) -> list[Sentence]:
        """The file's sentences; what is wrong with its format goes to errors."""
        if not path.is_file():
            self.error(path, 0, "no such file")
            return []
        try:
            content = path.read_bytes().decode("utf8")
        except UnicodeDecodeError as err:
            self.error(path, 0, f"not UTF-8: {err}")
            return []
        if "\r" in content:
            self.error(path, 0, "carriage returns; lines must end in a newline only")
            content = content.replace("\r\n", "\n")
        lines = content.split("\n")
        if lines[-2:] != ["", ""]:
            self.error(path, len(lines), "the file must end in one empty line")
        sentences = []
        sentence = None
        for number, line in enumerate(lines, start=1):
            if not line:
                sentence = None
                continue
            if sentence is None:
                sentence = Sentence(path, number)
                sentences.append(sentence)
            if line.startswith("#") and not sentence.tokens:
                key, equals, value = line[1:].partition("=")
                if not equals:
                    self.error(path, number, f"a comment without '=': {line!r}")
                sentence.comments[key.strip()].append(value.strip())
            else:
                self.read_token(sentence, number, line)
        return sentences

    def read_token(self, sentence: Sentence, number: int, line: str) -> None:
        path = sentence.path
        columns = line.split("\t")
        if len(columns) != 10:
            self.error(path, number, f"{len(columns)} columns instead of 10: {line!r}")
            return
        idx, form, lemma, upos, xpos, feats, head, deprel, deps, misc = columns
        wanted = str(len(sentence.tokens) + 1)
        if idx != wanted:
            self.error(path, number, f"id {idx!r} instead of {wanted!r}")
        if not form or any(char.isspace() for char in form):
            self.error(path, number, f"form {form!r} is empty or holds a space")
        if form != unicodedata.normalize("NFC", form):
            self.error(path, number, f"form {form!r} is not in normal form C")
        # Not syntax: `spacy convert` takes tokens without a head for sentences.
        head_wanted, deprel_wanted = ("0", "root") if idx == "1" else ("1", "dep")
        for name, value, expected in (
            ("lemma", lemma, "_"),
            ("feats", feats, "_"),
            ("head", head, head_wanted),
            ("deprel", deprel, deprel_wanted),
            ("deps", deps, "_"),
        ):
            if value != expected:
                self.error(path, number, f"{name} is {value!r} instead of {expected!r}")
        if misc not in ("_", "SpaceAfter=No"):
            self.error(path, number, f"misc is {misc!r}, not '_' or 'SpaceAfter=No'")
        token = Token(number, form, upos, xpos, space_after=misc == "_")
        sentence.tokens.append(token)

    def check_sentence(self, sentence: Sentence) -> None:
        path = sentence.path
        if not sentence.tokens:
            self.error(path, sentence.line, "a sentence without tokens")
            return
        for key in ("sent_id", "register", "text"):
            values = sentence.comments.get(key, [])
            if len(values) != 1 or not values[0]:
                self.error(path, sentence.line, f"needs one '# {key} =', has {values}")
        register = sentence.comment("register")
        if register and register not in REGISTERS:
            self.error(path, sentence.line, f"unknown register {register!r}")
        text = sentence.comment("text")
        if text and text != sentence.joined:
            message = f"text {text!r} is not what the tokens make: {sentence.joined!r}"
            self.error(path, sentence.line, message)
        if not sentence.tokens[-1].space_after:
            self.error(path, sentence.tokens[-1].line, "SpaceAfter=No at the end")
        for token in sentence.tokens:
            self.check_token(path, token)

    def check_token(self, path: Path, token: Token) -> None:
        line, form, upos, xpos = token.line, token.form, token.upos, token.xpos
        what = f"{form}/{xpos}/{upos}"
        if upos not in UPOS:
            self.error(path, line, f"unknown UPOS {upos!r} in {what}")
        if xpos not in PAIRS:
            self.error(path, line, f"unknown XPOS {xpos!r} in {what}")
        elif upos in UPOS and upos not in PAIRS[xpos].split():
            self.error(path, line, f"XPOS {xpos} never has UPOS {upos}: {what}")
        lower = form.lower()
        if lower in CLOSED_WORDS and xpos in PAIRS:
            allowed = CLOSED_WORDS[lower].split()
            if xpos not in allowed:
                self.error(path, line, f"{form!r} is only ever {allowed}: {what}")
        if xpos in CLOSED_TAGS and lower not in CLOSED_TAGS[xpos].split():
            self.error(path, line, f"{form!r} is not among the {xpos} forms: {what}")

    def check_unique(self, sentences: list[Sentence]) -> None:
        ids: dict[str, Sentence] = {}
        texts: dict[str, Sentence] = {}
        for sentence in sentences:
            sent_id = sentence.comment("sent_id")
            # Two sentences that differ in case and spaces alone are the same.
            text = " ".join(t.form.lower() for t in sentence.tokens)
            for name, value, seen in (("sent_id", sent_id, ids), ("text", text, texts)):
                if value and value in seen:
                    first = f"{seen[value].path.name}:{seen[value].line}"
                    message = f"{name} {value!r} was already at {first}"
                    self.error(sentence.path, sentence.line, message)
                seen.setdefault(value, sentence)


def print_counts(by_split: dict[str, list[Sentence]]) -> None:
    for split, sentences in by_split.items():
        n_tokens = sum(len(sentence.tokens) for sentence in sentences)
        print(f"{split}: {len(sentences)} sentences, {n_tokens} tokens")
        registers = Counter(sentence.comment("register") for sentence in sentences)
        print("  " + ", ".join(f"{name} {n}" for name, n in registers.most_common()))
    tags = Counter(
        token.xpos
        for sentences in by_split.values()
        for sentence in sentences
        for token in sentence.tokens
    )
    print("XPOS: " + ", ".join(f"{tag} {n}" for tag, n in tags.most_common()))


def print_varying(sentences: list[Sentence]) -> None:
    """Forms with several tags: some are homographs, some may be mistakes."""
    places: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for sentence in sentences:
        for token in sentence.tokens:
            tag = f"{token.xpos}/{token.upos}"
            places[token.form.lower()][tag].append(sentence.comment("sent_id"))
    print("Forms with several tags:")
    for form, tags in sorted(places.items()):
        if len(tags) > 1:
            print(f"  {form}")
            for tag, ids in sorted(tags.items(), key=lambda item: -len(item[1])):
                more = ", ..." if len(ids) > 4 else ""
                print(f"    {tag:12} {len(ids):4}  {', '.join(ids[:4])}{more}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the sample treebank.")
    parser.add_argument(
        "directory",
        type=Path,
        nargs="?",
        default=Path(__file__).parent,
        help="where train.conllu, dev.conllu and test.conllu lie (default: here)",
    )
    parser.add_argument(
        "--varying", action="store_true", help="list the forms that have several tags"
    )
    args = parser.parse_args()
    checker = Checker()
    by_split = {
        split: checker.read(args.directory / f"{split}.conllu") for split in SPLITS
    }
    sentences = [sentence for split in SPLITS for sentence in by_split[split]]
    for sentence in sentences:
        checker.check_sentence(sentence)
    checker.check_unique(sentences)
    print_counts(by_split)
    if args.varying:
        print_varying(sentences)
    if checker.errors:
        for error in checker.errors:
            print(error, file=sys.stderr)
        print(f"{len(checker.errors)} errors", file=sys.stderr)
        return 1
    print("No errors.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
