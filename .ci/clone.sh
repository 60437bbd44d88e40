# Read by the jobs: goes into a clone of the checkout's last commit, in a temporary
# folder that is removed when the job ends. The checkout itself is never changed.
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -n "$(git -C "$checkout" status --porcelain)" ]; then
    echo "Warning: changes that are not committed are not tested." >&2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone --quiet "$checkout" "$work/clone"
cd "$work/clone"
