# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Put the modules of this folder in front of the installed Heat.

The *installed* module is always the one that ends up in ``sys.modules``: a
file of ours that has the name of one of Heat's loads the installed module,
subclasses what it refines and rebinds those names there.
"""

import importlib.machinery
import importlib.util
import os
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))


def _is_ours(entry):
    path = os.path.realpath(entry or os.getcwd())
    root = os.path.realpath(ROOT)
    return path == os.path.dirname(root) or (path + os.sep).startswith(
        root + os.sep)


def installed(name):
    """Execute the installed module ``name`` and leave it in sys.modules.

    :raises ModuleNotFoundError: when Heat has no such module.
    """
    parent = name.rpartition('.')[0]
    entries = sys.modules[parent].__path__ if parent else sys.path
    path = [entry for entry in entries if not _is_ours(entry)]
    spec = importlib.machinery.PathFinder.find_spec(name, path)
    if spec is None:
        raise ModuleNotFoundError('No installed module named %r' % name,
                                  name=name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def extend(name):
    """Load the installed package ``name`` and search our folder first.

    :returns: the installed package, which stays in ``sys.modules``.
    """
    package = installed(name)
    folder = os.path.join(ROOT, *name.split('.')[1:])
    package.__path__ = [folder] + list(package.__path__)
    return package
