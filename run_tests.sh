#!/usr/bin/env bash
# Run everything that must pass. See ./run_tests.sh --help.
set -eu

cd "$(dirname "$0")"
tools/venv.sh
exec .venv/bin/python tools/run_tests.py "$@"
