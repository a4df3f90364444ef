# SPDX-License-Identifier: Apache-2.0

"""The pairs of a release of Heat and a Python that our tests are run on.

Each pair has an environment of its own, of the versions in
constraints/heatNN.txt. All checkouts of a user share them: they lie in
HEAT_TEST_VENVS, by default in ~/.cache/heat-convergence-migrate. No Python is
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

#: The unit tests but those with Heat's simulator, which take half of the time,
#: and the functional ones that see most of Heat.
TELLING = (r'^heat\.tests\.(test_|migrate\.test_(?!simulator)|functional\.'
           r'(lockstep\.(test_oracle\.SQLite|test_differential)|'
           r'test_update_deployment\.MySQLUpdateTest))')


class Pair(typing.NamedTuple):
    """Tests to run on a release of Heat and a Python.

    :ivar tests: a regular expression
    :ivar often: whether CI runs it; "tox -e matrix" runs the rest
    """

    heat: str
    python: str
    tests: str
    often: bool = True

    @property
    def name(self):
        """What a command calls it, as in "22-3.12"."""
        return '%s-%s' % (self.heat, self.python)


#: Besides the newest release in .venv: each release on the Python that most of
#: its operators have, and the oldest Python.
PAIRS = (
    Pair('22', '3.12', TELLING),
    Pair('23', '3.12', TELLING, often=False),
    Pair('24', '3.13', TELLING),
    Pair('25', '3.12', TELLING, often=False),
    Pair('26', '3.13', TELLING),
    Pair('22', '3.9', TELLING, often=False),
    Pair('22', '3.10', TELLING, often=False),
    Pair('24', '3.9', TELLING, often=False),
    Pair('27', '3.13', TELLING, often=False),
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
        # A shim of pyenv's may be there without a Python behind it.
        shown = subprocess.run([candidate, '-c', _VERSION], text=True,
                               capture_output=True)
        if shown.stdout.strip() == version:
            return candidate
    return None


def folder():
    """Where the environments are."""
    cache = os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache'))
    return pathlib.Path(os.environ.get(
        'HEAT_TEST_VENVS',
        os.path.join(cache, 'heat-convergence-migrate')))


@contextlib.contextmanager
def environment(pair, python):
    """Make the environment of a pair, or bring it up to date.

    It is locked meanwhile: another checkout may want it.

    :param python: the path of the interpreter.
    :returns: the path of its interpreter.
    :raises Failed: when it cannot be made.
    """
    place = folder() / ('heat%s-py%s' % (pair.heat, pair.python))
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(str(place) + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        own = place / 'bin' / 'python'
        if _stale(place, pair):
            (place / 'installed').unlink(missing_ok=True)
            _uv('venv', '--clear', '--python', python, str(place))
            _uv('pip', 'install', '--python', str(own), '--constraint',
                'constraints/heat%s.txt' % pair.heat, 'openstack-heat',
                '--editable', '.[test]')
            (place / 'installed').write_text(_key(pair))
        else:
            # Of this checkout, and not of the one that was here before.
            _uv('pip', 'install', '--python', str(own), '--no-deps',
                '--editable', '.')
        yield own


def _stale(place, pair):
    try:
        return (place / 'installed').read_text() != _key(pair)
    except OSError:
        return True


def _key(pair):
    """What an environment depends on."""
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
