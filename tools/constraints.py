# SPDX-License-Identifier: Apache-2.0

"""Write constraints/heatNN.txt: each Heat with the dependencies of its time.

An older Heat does not run on the oslo libraries and the SQLAlchemy of today.
Needs uv.
"""

import pathlib
import subprocess

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent

#: The newest version of each release, and a day shortly after it came out.
RELEASES = {
    '22': ('22.0.1', '2024-06-10'),
    '24': ('24.1.2', '2025-04-20'),
    '25': ('25.0.2', '2025-10-20'),
    '26': ('26.0.2', '2026-04-20'),
    '27': ('27.0.1', '2026-11-24'),
}

#: Supported by all of them.
PYTHON = '3.11'


def compile_constraints(release):
    """Write the constraints of one release."""
    version, day = RELEASES[release]
    subprocess.run(
        ['uv', 'pip', 'compile', '--quiet', '--no-annotate', '--no-header',
         '--python-version', PYTHON, '--extra', 'test',
         '--exclude-newer', day,
         # Stable releases of Heat come later than that day.
         '--exclude-newer-package', 'openstack-heat=2027-01-01',
         '--constraint', '-', '--output-file',
         'constraints/heat%s.txt' % release, 'pyproject.toml'],
        input='openstack-heat==%s\n' % version, text=True, check=True,
        cwd=CHECKOUT)


if __name__ == '__main__':
    for name in RELEASES:
        compile_constraints(name)
