#!/bin/sh
# Make .venv in the checkout, with the overlay, Heat and what the tests need,
# or bring it up to date when pyproject.toml has changed since.
#
# PYTHON names the interpreter; the default is the first one that is 3.11 or
# newer.
set -eu

cd "$(dirname "$0")/.."
stamp=.venv/.installed

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 \
            python3.11}; do
        if is_new_enough "$python"; then
            echo "$python"
            return
        fi
    done
    echo "venv: no Python 3.11 or newer found; install one, or name it:" \
        "PYTHON=/path/to/python3 $0" >&2
    return 1
}

if [ -e "$stamp" ] && [ "$(cat pyproject.toml)" = "$(cat "$stamp")" ]; then
    echo "venv: .venv is up to date"
    exit 0
fi
if [ ! -x .venv/bin/pip ]; then
    python=$(find_python)
    echo "venv: making .venv with $python"
    "$python" -m venv .venv
fi
echo "venv: installing Heat and the test tools into .venv (a few minutes)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --editable '.[test]' tox tox-uv
cp pyproject.toml "$stamp"
