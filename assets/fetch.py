"""Fetch assets of project.yml from the commits that it names. spaCy's own
`project assets` knows branches and tags, but no commits.

    python assets/fetch.py assets/en_ewt-ud-

fetches those whose path starts like this. Files that are in place are used as they are.
"""

import shutil
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, List, Tuple

import typer
from wasabi import msg
from weasel.util import get_checksum, load_project_config, run_command

Asset = Dict[str, Any]


def main(prefix: str) -> None:
    """Fetch the assets whose path starts with the prefix. A file that does not have the
    checksum of project.yml is an error, and is not put in place."""
    assets = load_project_config(Path())["assets"]
    pinned = [asset for asset in assets if "commit" in asset.get("git", {})]
    wanted = [asset for asset in pinned if asset["dest"].startswith(prefix)]
    if not wanted:
        msg.info(f"No assets '{prefix}...' with a commit in project.yml: none fetched")
    missing = [asset for asset in wanted if not is_in_place(asset)]
    for (repo, commit), group in groupby(missing, key=find_source):
        fetch(repo, commit, list(group))


def is_in_place(asset: Asset) -> bool:
    path = Path(asset["dest"])
    if not path.exists():
        return False
    if get_checksum(path) == asset["checksum"]:
        msg.good(f"In place, with the right checksum: {asset['dest']}")
    else:
        msg.warn(
            f"In place, but with another checksum than in project.yml: {asset['dest']}",
            "It is used as it is. Remove it to have it fetched.",
        )
    return True


def find_source(asset: Asset) -> Tuple[str, str]:
    return asset["git"]["repo"], asset["git"]["commit"]


def fetch(repo: str, commit: str, assets: List[Asset]) -> None:
    """Check the files out in a temporary clone, and put them in place."""
    paths = [asset["git"]["path"] for asset in assets]
    with TemporaryDirectory() as clone:
        # Of all commits no more than their names: the files come with the checkout.
        # Git for Windows would change the ends of lines, and with them the checksums.
        options = ["--no-checkout", "--filter=tree:0", "--config=core.autocrlf=false"]
        run_command(["git", "clone", "--quiet", *options, repo, clone])
        run_command(["git", "-C", clone, "checkout", "--quiet", commit, "--", *paths])
        for asset in assets:
            place(Path(clone) / asset["git"]["path"], asset)
            msg.good(f"Fetched from commit {commit}: {asset['dest']}")


def place(path: Path, asset: Asset) -> None:
    checksum = get_checksum(path)
    if checksum != asset["checksum"]:
        msg.fail(
            f"Can't use '{asset['dest']}' as it was fetched: its checksum is "
            f"{checksum}, but project.yml has {asset['checksum']}",
            "Correct the commit or the checksum there.",
            exits=1,
        )
    dest = Path(asset["dest"])
    dest.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, dest)


if __name__ == "__main__":
    typer.run(main)
