#!/usr/bin/env bash
# Run the tests of this checkout. See ./run_tests.sh --help.
set -eu

cd "$(dirname "$0")"
tools/venv.sh test
# Each of many processes would compile everything again.
unset PYTHONDONTWRITEBYTECODE
# stestr takes PYTHON for the interpreter of the tests: not the one that
# .venv was made with, and no path, which may have a space.
export PATH="$PWD/.venv/bin:$PATH" PYTHON=python
exec .venv/bin/python tools/run_tests.py "$@"
