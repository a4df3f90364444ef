# SPDX-License-Identifier: Apache-2.0

"""The pairs of a release of Heat and a Python that our tests are run on.

Each pair has an environment of its own, with the versions in
constraints/heatNN.txt. All checkouts of a user share the environments in
HEAT_TEST_VENVS, by default ~/.cache/heat-convergence-migrate. No Python is
downloaded: a pair whose Python is not on this machine is left out.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import pathlib
import shutil
import subprocess
import typing

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent

#: {name: regular expression} of the tests of a pair. The main tests are the
#: functional tests that use most of Heat, and the unit tests. They leave out
#: Heat's simulator, which takes half of their time, and our own tools, which
#: run with the newest Heat. The basic tests leave out random stacks, and unit
#: tests that do not depend on the release of Heat.
TESTS = {
    'main': (r'^heat\.tests\.(test_(?!\w+_tool\.|venv_script)|'
             r'migrate\.test_(?!simulator)|'
             r'functional\.(test_update_deployment\.MySQLUpdateTest|'
             r'test_verify\.|'
             r'lockstep\.(test_oracle\.SQLite|test_differential|'
             r'test_failed(\.NamedTest|_never_created))))'),
    'basic': (r'^heat\.tests\.(test_overlay|migrate\.test_(?!'
              r'simulator|fuzz|statements|reference|html_report|secrets|text|'
              r'layers|command_|log_lines|shell_lines|counts|prometheus|'
              r'memory|names|leaks|deadline)|'
              r'functional\.('
              r'test_update_deployment\.MySQLUpdateTest\.test_put|'
              r'lockstep\.(test_oracle\.SQLite|'
              r'test_differential\.EveryOperation)))'),
}


class Pair(typing.NamedTuple):
    """Tests to run on a release of Heat and a Python.

    :ivar ships: who has this Heat on this Python
    :ivar tests: which tests to run, of ``TESTS``
    :ivar often: whether CI runs it; "tox -e matrix" runs the rest
    """

    heat: str
    python: str
    ships: str
    tests: str = 'main'
    often: bool = False

    @property
    def name(self):
        """Its name in commands, for example "22-3.12"."""
        return '%s-%s' % (self.heat, self.python)


#: Besides the newest release in .venv: each release on the Python that most of
#: its operators have, and the oldest Python.
PAIRS = (
    Pair('22', '3.12', 'Ubuntu 24.04', often=True),
    Pair('23', '3.12', 'Ubuntu\'s cloud archive for 24.04', 'basic', True),
    Pair('24', '3.13', 'Kolla, cloud archive', 'basic', True),
    Pair('25', '3.12', 'Kolla on Rocky Linux 10', 'basic', True),
    Pair('26', '3.13', 'Kolla on Debian 13', 'basic', True),
    Pair('22', '3.9', 'Kolla on Rocky Linux 9'),
    Pair('22', '3.10', 'Ubuntu\'s cloud archive for 22.04'),
    Pair('24', '3.9', 'Kolla on Rocky Linux 9'),
    Pair('27', '3.13', 'Kolla'),
)

_VERSION = 'import sys; print("%d.%d" % sys.version_info[:2])'


class Failed(Exception):
    """An environment cannot be made."""


def find_python(version):
    """Find the interpreter of a version, such as "3.12".

    :returns: its path, or None: in PATH and in the usual places of pyenv's.
    """
    name = 'python' + version
    candidates = [shutil.which(name)] + sorted(glob.glob(os.path.expanduser(
        '~/.pyenv/versions/%s.*/bin/%s' % (version, name))))
    for candidate in filter(None, candidates):
        # pyenv may have a shim for a Python that is not installed.
        shown = subprocess.run([candidate, '-c', _VERSION], text=True,
                               capture_output=True)
        if shown.stdout.strip() == version:
            return candidate
    return None


def folder():
    """The folder of the environments."""
    cache = os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache'))
    return pathlib.Path(os.environ.get(
        'HEAT_TEST_VENVS',
        os.path.join(cache, 'heat-convergence-migrate')))


def place(pair):
    """The folder of the environment of a pair."""
    return folder() / ('heat%s-py%s' % (pair.heat, pair.python))


@contextlib.contextmanager
def environment(pair, python):
    """Make the environment of a pair, or bring it up to date.

    It is locked meanwhile: another checkout may use it.

    :param python: the path of the interpreter.
    :returns: the path of its interpreter.
    :raises Failed: when it cannot be made.
    """
    there = place(pair)
    there.parent.mkdir(parents=True, exist_ok=True)
    with open(str(there) + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        own = there / 'bin' / 'python'
        if _stale(there, pair):
            (there / 'installed').unlink(missing_ok=True)
            _uv('venv', '--clear', '--python', python, str(there))
            _uv('pip', 'install', '--python', str(own), '--constraint',
                'constraints/heat%s.txt' % pair.heat, 'openstack-heat',
                '--editable', '.[test]')
            (there / 'installed').write_text(_key(pair))
        else:
            # For this checkout, not the one that used the environment before.
            _uv('pip', 'install', '--python', str(own), '--no-deps',
                '--editable', '.')
        yield own


def _stale(there, pair):
    try:
        return (there / 'installed').read_text() != _key(pair)
    except OSError:
        return True


def _key(pair):
    """A key of everything that an environment depends on."""
    digest = hashlib.sha256()
    for name in ('pyproject.toml', 'constraints/heat%s.txt' % pair.heat):
        digest.update((CHECKOUT / name).read_bytes())
    return digest.hexdigest()


def _uv(*arguments):
    """Run uv, which never downloads a Python."""
    command = ('uv', '--quiet', '--no-python-downloads') + arguments
    done = subprocess.run(command, cwd=CHECKOUT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Failed('%s: %s' % (' '.join(command), done.stdout.strip()))
