import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parent.parent / "assets" / "sample"


def check(directory: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-X", "utf8", str(SAMPLE / "check.py"), str(directory)]
    return subprocess.run(
        [*command, *options], capture_output=True, encoding="utf8", check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sample, to damage."""
    for path in SAMPLE.glob("*.conllu"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_sample_is_valid() -> None:
    result = check(SAMPLE, "--varying")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    # "her" has two tags, and a person can find where.
    assert re.search(r"^  her$\n    PRP", result.stdout, re.MULTILINE)


def test_sample_counts() -> None:
    text = "".join(path.read_text("utf8") for path in SAMPLE.glob("*.conllu"))
    assert len(re.findall(r"^# sent_id = ", text, re.MULTILINE)) >= 300
    assert len(re.findall(r"^\d+\t", text, re.MULTILINE)) >= 3500


def test_sample_splits() -> None:
    counts = {
        path.stem: path.read_text("utf8").count("# sent_id")
        for path in SAMPLE.glob("*.conllu")
    }
    total = sum(counts.values())
    assert set(counts) == {"train", "dev", "test"}
    assert counts["train"] / total == pytest.approx(0.7, abs=0.03)
    assert counts["dev"] / total == pytest.approx(0.15, abs=0.03)
    registers = [
        set(re.findall(r"# register = (\w+)", path.read_text("utf8")))
        for path in SAMPLE.glob("*.conllu")
    ]
    assert registers[0] == registers[1] == registers[2]
    assert len(registers[0]) == 7


def test_readme_counts_are_true() -> None:
    readme = (SAMPLE / "README.md").read_text("utf8")
    for split in ("train", "dev", "test"):
        text = (SAMPLE / f"{split}.conllu").read_text("utf8")
        n_sents = text.count("# sent_id")
        n_tokens = len(re.findall(r"^\d+\t", text, re.MULTILINE))
        row = next(x for x in readme.splitlines() if x.startswith(f"| {split} "))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[-2:] == [str(n_sents), f"{n_tokens:,}"]


def replace_first(pattern: str, replacement: str) -> Callable[[str], str]:
    def damage(text: str) -> str:
        damaged, n = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
        assert n == 1
        return damaged

    return damage


@pytest.mark.parametrize(
    "damage,message",
    [
        (replace_first(r"^(1\t.*)\t_\t", r"\1\t"), "9 columns instead of 10"),
        (replace_first(r"^2\t", "3\t"), "id '3' instead of '2'"),
        (replace_first(r"^(\d+\t)\S+", r"\1"), "form '' is empty"),
        (replace_first(r"^(\d+\t)\S+", r"\1e" + "\u0301"), "normal form C"),
        (replace_first(r"^(1\t\S+\t)_", r"\1lemma"), "lemma is 'lemma'"),
        (replace_first(r"_$", "Odd=Yes"), "misc is 'Odd=Yes'"),
        (replace_first(r"^# sent_id = .*\n", ""), "needs one '# sent_id ='"),
        (replace_first(r"^(# register = ).*", r"\1poem"), "register 'poem'"),
        (replace_first(r"^(# text = )", r"\1Oh "), "is not what the tokens make"),
        (replace_first(r"SpaceAfter=No$", "_"), "is not what the tokens make"),
        (replace_first(r"_\n\n", "SpaceAfter=No\n\n"), "SpaceAfter=No at the end"),
        (replace_first(r"^# register", "# no value\n# register"), "without '='"),
        (replace_first(r"\tNN\t", "\tNOUNS\t"), "unknown XPOS 'NOUNS'"),
        (replace_first(r"\tNOUN\t", "\tNOUNS\t"), "unknown UPOS 'NOUNS'"),
        (replace_first(r"\tNOUN\tNN\t", "\tVERB\tNN\t"), "NN never has UPOS VERB"),
        (replace_first(r"(\tthe\t_\t)DET\tDT", r"\1NOUN\tNN"), "'the' is only ever"),
        (replace_first(r"NOUN\tNN\t", "DET\tDT\t"), "is not among the DT forms"),
        (replace_first(r"\n\n\Z", "\n"), "must end in one empty line"),
        (lambda text: text.replace("\n", "\r\n"), "carriage returns"),
        (lambda text: text + "# sent_id = x\n\n", "a sentence without tokens"),
    ],
)
def test_check_finds_damage(
    copy: Path, damage: Callable[[str], str], message: str
) -> None:
    path = copy / "train.conllu"
    text = path.read_bytes().decode("utf8")
    path.write_bytes(damage(text).encode("utf8"))
    result = check(copy)
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if message in line]
    assert lines, result.stderr
    assert re.match(r"train\.conllu:\d+: ", lines[0])


def test_check_names_the_line(copy: Path) -> None:
    path = copy / "dev.conllu"
    lines = path.read_text("utf8").split("\n")
    number = next(i for i, x in enumerate(lines) if x.split("\t")[1:2] == ["the"])
    lines[number] = lines[number].replace("\tDT\t", "\tJJ\t")
    path.write_bytes("\n".join(lines).encode("utf8"))
    result = check(copy)
    assert result.returncode == 1
    assert f"dev.conllu:{number + 1}: " in result.stderr
    assert "the/JJ/DET" in result.stderr


def test_check_finds_a_repeated_sentence(copy: Path) -> None:
    first = (copy / "train.conllu").read_text("utf8").split("\n\n")[0]
    dev = copy / "dev.conllu"
    # The same id, then the same words under another id.
    dev.write_bytes((dev.read_text("utf8") + first + "\n\n").encode("utf8"))
    result = check(copy)
    assert result.returncode == 1
    assert re.search(r"dev\.conllu:\d+: sent_id .* was already at", result.stderr)
    other = re.sub(r"sent_id = .*", "sent_id = other", first).replace(
        "\tThe\t", "\tthe\t"
    )
    dev.write_bytes((SAMPLE / "dev.conllu").read_bytes() + (other + "\n\n").encode())
    result = check(copy)
    assert result.returncode == 1
    assert "sent_id 'other'" not in result.stderr
    assert re.search(r"dev\.conllu:\d+: text .* already at train", result.stderr)


def test_check_finds_a_missing_and_an_undecodable_file(copy: Path) -> None:
    (copy / "test.conllu").unlink()
    (copy / "dev.conllu").write_bytes(b"# text = caf\xe9\n")
    result = check(copy)
    assert result.returncode == 1
    assert "test.conllu:0: no such file" in result.stderr
    assert "dev.conllu:0: not UTF-8" in result.stderr
