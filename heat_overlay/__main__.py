# SPDX-License-Identifier: Apache-2.0

"""Run heat-overlay with "python -m heat_overlay"."""

import sys

from heat_overlay import cli

if __name__ == '__main__':
    sys.exit(cli.main())
