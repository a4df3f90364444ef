#!/usr/bin/env bash
# Show a legacy stack becoming a convergence stack, on a real Heat.
#
# Needs Python with its venv module. Example: ./run_demo.sh
set -eu

cd "$(dirname "$0")"
tools/venv.sh demo
# Each of many processes would compile everything again.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPATH="$PWD" PYTHONWARNINGS=ignore
exec .venv/bin/python demo/run.py
