# SPDX-License-Identifier: Apache-2.0

"""Write constraints/heatNN.txt: each Heat with the dependencies of its time.

The pins are from upstream's upper-constraints, for the packages that Heat, the
overlay and its tests need on any Python of the release. Tools of our tests
that upstream does not pin have the newest version of that day for the oldest
Python.

Needs uv and a clone of the public repository openstack/requirements.
"""

import argparse
import pathlib
import re
import subprocess
import tempfile
import typing

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent


class Release(typing.NamedTuple):
    """One release of Heat.

    :ivar name: the release of OpenStack.
    :ivar branch: its branch in the repository of upstream's requirements.
    :ivar heat: the newest version of Heat in it.
    :ivar keystone: the same for Keystone, which some tests start.
    :ivar pythons: the minor versions of Python 3 that operators run it on.
    :ivar newer: packages of which Heat needs a newer version than upstream
        pins on that branch.
    """

    name: str
    branch: str
    heat: str
    keystone: str
    pythons: tuple
    newer: tuple = ()


#: The repository has no branch for 2026.2 yet: until the release, its branch
#: is master. 2024.2 has ended; its last state is in a tag.
RELEASES = {
    '22': Release('2024.1', 'unmaintained/2024.1', '22.0.1', '25.0.0',
                  (9, 10, 11, 12)),
    '23': Release('2024.2', '2024.2-eol', '23.0.0', '26.1.1',
                  (9, 10, 11, 12)),
    '24': Release('2025.1', 'stable/2025.1', '24.1.2', '27.1.0',
                  (9, 10, 11, 12, 13)),
    '25': Release('2025.2', 'stable/2025.2', '25.0.2', '28.1.0',
                  (10, 11, 12, 13)),
    '26': Release('2026.1', 'stable/2026.1', '26.0.2', '29.1.0',
                  (10, 11, 12, 13, 14)),
    '27': Release('2026.2', 'master', '27.0.1', '30.0.0',
                  (11, 12, 13, 14), newer=('oslo-versionedobjects',)),
}

#: Newer ones warn of pkg_resources or lack it, and yaql 3.0 imports it.
_SETUPTOOLS = 'setuptools<80'

#: When the files were last written.
_TODAY = '2026-11-28'

_HEAD = """\
# SPDX-License-Identifier: Apache-2.0
#
# Written by tools/constraints.py: upstream's upper-constraints of {name},
# {branch} of openstack/requirements as of {day} ({commit}).
# Only packages that are installed here; the last block is not upstream's.
"""


class Upstream:
    """The upper-constraints of one release, as upstream has them."""

    def __init__(self, clone, release):
        self._clone = clone
        self.commit, self.day = self._git(
            'log', '-1', '--format=%h %cs', release.branch).split()
        lines = self._git('show', release.branch + ':upper-constraints.txt')
        #: {normalized name: its lines}; markers make several.
        self.pins = {}
        for line in lines.splitlines():
            name = normalized(line.partition('===')[0])
            if name not in release.newer:
                self.pins.setdefault(name, []).append(line)

    def _git(self, *words):
        return subprocess.run(['git', '-C', self._clone, *words], check=True,
                              text=True, stdout=subprocess.PIPE).stdout


def normalized(name):
    """Normalize the name of a package, as the packaging standard does."""
    return re.sub('[-_.]+', '-', name).lower()


def resolve(release, upstream, python):
    """Return {name: pin} of the packages for one Python."""
    # They may be released after the last change of the branch.
    later = ['--exclude-newer-package=%s=%s' % (name, _TODAY)
             for name in ('openstack-heat', 'keystone', *release.newer)]
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as constraints:
        constraints.writelines(
            line + '\n' for lines in upstream.pins.values() for line in lines)
        constraints.write('openstack-heat==%s\nkeystone==%s\n%s\n' % (
            release.heat, release.keystone, _SETUPTOOLS))
        constraints.flush()
        done = subprocess.run(
            ['uv', 'pip', 'compile', '--quiet', '--no-annotate',
             '--no-header', '--python-version', '3.%d' % python,
             '--extra', 'test', '--exclude-newer', upstream.day,
             *later, '--constraint', constraints.name, 'pyproject.toml'],
            text=True, check=True, cwd=CHECKOUT, stdout=subprocess.PIPE)
    return {normalized(re.split('[=;]', line)[0].strip()): line
            for line in done.stdout.splitlines() if '==' in line}


def constraints(release, upstream):
    """Return the lines of one file, upstream's and the others."""
    installed = {}
    # The oldest Python last: our pins must work on all.
    for python in reversed(release.pythons):
        installed.update(resolve(release, upstream, python))
    pins = upstream.pins
    theirs = [line for name in sorted(installed)
              for line in pins.get(name, ())]
    ours = [line for name, line in sorted(installed.items())
            if name not in pins]
    return theirs, ours


def write(major, clone):
    """Write the file of one major release of Heat."""
    release = RELEASES[major]
    upstream = Upstream(clone, release)
    theirs, ours = constraints(release, upstream)
    head = _HEAD.format(name=release.name, branch=release.branch,
                        day=upstream.day, commit=upstream.commit)
    path = CHECKOUT / 'constraints' / ('heat%s.txt' % major)
    path.write_text(head + '\n'.join([*theirs, '', *ours]) + '\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('clone', help='of openstack/requirements')
    parser.add_argument('release', nargs='*', help='for example 22')
    args = parser.parse_args()
    for major in args.release or RELEASES:
        write(major, args.clone)


if __name__ == '__main__':
    main()
