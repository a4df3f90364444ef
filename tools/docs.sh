#!/bin/sh
# Build the guides and the man pages into doc/build; a warning is an error.
# Needs sphinx and what else doc/requirements.txt names, with Heat beside it,
# and dot (Debian: graphviz) for the diagrams.
set -eu

cd "$(dirname "$0")/.."
if ! command -v dot >/dev/null; then
    echo "docs: dot draws the diagrams, and it is not in PATH:" \
        "apt install graphviz" >&2
    exit 1
fi
for builder in html man; do
    sphinx-build -q -W --keep-going -b "$builder" -d doc/build/doctrees \
        doc/source "doc/build/$builder"
done
