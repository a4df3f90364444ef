# SPDX-License-Identifier: Apache-2.0

"""Write heat/overlay_digests.py from the published releases of Heat.

It downloads each wheel of the tested releases. It checks that the refined
functions have the tested parameters, and writes the SHA-256 of each refined
file. It needs pip and the package index. Run it after a release of Heat, and
when the overlay refines another module of Heat.

Example: .venv/bin/python tools/digests.py
"""

import collections
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

from heat import overlay_releases

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
PIP = (sys.executable, '-m', 'pip', '--disable-pip-version-check')

HEAD = '''\
# SPDX-License-Identifier: Apache-2.0

"""SHA-256 of the files of Heat that the overlay refines.

tools/digests.py writes this file. A file of Heat with one of these digests is
as tested, and need not be parsed.
"""

#: {module: the digests of its file in the published releases of Heat}
DIGESTS = {
'''


def versions():
    """Return the published versions of Heat that are tested releases."""
    listed = subprocess.run(
        [*PIP, 'index', 'versions', 'openstack-heat'], check=True,
        stdout=subprocess.PIPE, text=True).stdout
    found = re.search('Available versions: (.*)', listed)[1].split(', ')
    return [version for version in found if overlay_releases.of(version)]


def unpack(version, folder):
    """Download a wheel of Heat and return its heat folder."""
    subprocess.run(
        [*PIP, 'download', '--quiet', '--no-deps', '--only-binary', ':all:',
         '--dest', str(folder), 'openstack-heat==' + version], check=True)
    wheel, = folder.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder / 'heat'


def digests():
    """Return {module: set of digests} of the published releases."""
    found = collections.defaultdict(set)
    for version in versions():
        with tempfile.TemporaryDirectory() as folder:
            heat = unpack(version, pathlib.Path(folder))
            reason = overlay_releases.why_not(version, str(heat))
            if reason:
                sys.exit('digests: Heat %s is not as tested: %s'
                         % (version, reason))
            for module in overlay_releases.REFINED:
                source = heat.joinpath(*module.split('.')[1:])
                found[module].add(hashlib.sha256(
                    source.with_suffix('.py').read_bytes()).hexdigest())
    return found


def write(found):
    """Write the module."""
    lines = [HEAD]
    for module in sorted(found):
        lines.append('    %r: frozenset((\n' % module)
        lines += ['        %r,\n' % digest for digest in sorted(found[module])]
        lines.append('    )),\n')
    lines.append('}\n')
    (CHECKOUT / 'heat' / 'overlay_digests.py').write_text(''.join(lines))


if __name__ == '__main__':
    write(digests())
