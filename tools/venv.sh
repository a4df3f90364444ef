#!/bin/sh
# Make .venv in the checkout, with the overlay, Heat and what the tests need,
# or bring it up to date when pyproject.toml has changed since.
set -eu

cd "$(dirname "$0")/.."
stamp=.venv/.installed
if [ -e "$stamp" ] && cmp -s pyproject.toml "$stamp"; then
    echo "venv: .venv is up to date"
    exit 0
fi
if [ ! -x .venv/bin/python ]; then
    echo "venv: making .venv with ${PYTHON:=python3}"
    "$PYTHON" -m venv .venv
fi
echo "venv: installing Heat and the test tools into .venv (a few minutes)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --editable '.[test]'
cp pyproject.toml "$stamp"
