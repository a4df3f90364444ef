# SPDX-License-Identifier: Apache-2.0

"""Heat's plug-ins are loaded when a stack needs them, and are the same.

Each test needs a process in which Heat has loaded none yet.
"""

import json
import os
import pathlib
import subprocess
import sys

import fixtures

from heat.cmd.migrate import resource_types
from heat.tests import common
from heat.tests import overlay_fixtures

_BEGIN = '''
import json, sys, threading

import heat.tests
from oslo_config import cfg
from oslo_log import log

from heat.cmd.migrate import actions, lazy_plugins, run, workers
from heat.engine import clients, resources

log.register_options(cfg.CONF)
cfg.CONF(['--config-file', sys.argv[1]], project='heat')
log.setup(cfg.CONF, 'heat')
resources.__path__.append(sys.argv[2])

def is_loaded(name):
    # Heat's loader does not put all into sys.modules.
    package, _, module = name.rpartition('.')
    return name in sys.modules or hasattr(sys.modules.get(package), module)

def few():
    return workers.staff(actions.PLAN, None, 1)

def loaded():
    return [name for name in ('openstack.nova.server', 'aws.s3.s3', 'odd')
            if is_loaded('heat.engine.resources.' + name)]
'''

_EVERYTHING = '''
env = resources.global_env()
everything = {
    'types': [[name, info.description, info.user_resource, str(info.value)]
              for name, info in env.registry._registry.items()
              if name != 'resources'],
    'found': [str(env.get_class(name, 'any')) for name in (
        'OS::Nova::Server', 'OS::Heat::Value', 'OS::Other::Type', 'Odd')],
    'constraints': {name: str(env.get_constraint(name))
                    for name in sorted(env.constraints)},
    'sinks': {name: str(env.event_sink_classes[name])
              for name in sorted(env.event_sink_classes)},
    'clients': [name for name in sorted(clients._mgr.names())
                if clients.has_client(name)],
    'lifecycle': list(map(str, env.get_stack_lifecycle_plugins())),
    'plugins': [str(clients._mgr[name].plugin)
                for name in sorted(clients._mgr.names())]}
'''

_CLASS = '''
from heat.engine import resource
class Class(resource.Resource):
    pass
'''

_PLUGIN = _CLASS + '''
def resource_mapping():
    return {'OS::Nova::Server': Class, 'Mine': Class}
def constraint_mapping():
    return {'nova.flavor': Class}
'''

_ODD = _CLASS + '''
def resource_mapping():
    names = ['Odd']
    return {name: Class for name in names}
'''

_PLAIN = _CLASS + '''
def resource_mapping():
    return {'OS::Nova::Server': Class}
'''

_ENTRY_POINTS = '''
[heat.stack_lifecycle_plugins]
mine = json:JSONDecoder
[heat.constraints]
mine = json:JSONEncoder
[heat.clients]
mine = json:JSONEncoder
'''

_ENVIRONMENT = '''
resource_registry:
  OS::Heat::Value: OS::Heat::None
  OS::Other::*: OS::Heat::RandomString
  OS::Nova::Quota: null
'''


class NewProcessTest(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path
        for name in ('plugins', 'environment'):
            os.mkdir(os.path.join(self.folder, name))

    def write(self, name, text):
        path = pathlib.Path(self.folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_new(self, script, debug=False):
        """Run a script; returns the value of its variable ``result``."""
        self.write('heat.conf', '[DEFAULT]\nplugin_dirs = %s/plugins\n'
                   'environment_dir = %s/environment\ndebug = %s\n'
                   'log_file = %s/log\n[database]\nconnection = sqlite://\n'
                   % (self.folder, self.folder, debug, self.folder))
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', _BEGIN + script +
             '\nprint(json.dumps(result))',
             os.path.join(self.folder, 'heat.conf'),
             os.path.join(self.folder, 'resources')],
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(
                (overlay_fixtures.CHECKOUT, self.folder))},
            capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stderr + self.log())
        return json.loads(done.stdout.splitlines()[-1])

    def log(self):
        with open(os.path.join(self.folder, 'log')) as log:
            return log.read()

    def assertLoadsAll(self, script='few()', **kwargs):
        self.assertEqual(
            ['openstack.nova.server', 'aws.s3.s3'],
            self.run_new(script + '\nresult = loaded()', **kwargs)[:2])

    def test_all_are_those_of_an_engine(self):
        self.write('plugins/mine.py', _PLUGIN)
        self.write('resources/odd.py', _ODD)
        # Heat leaves these out.
        self.write('resources/setup.py', _PLAIN)
        self.write('resources/tests/__init__.py', '')
        self.write('resources/tests/more.py', _PLAIN)
        self.write('mine-1.dist-info/METADATA', 'Name: mine\nVersion: 1\n')
        self.write('mine-1.dist-info/entry_points.txt', _ENTRY_POINTS)
        self.write('environment/env.yaml', _ENVIRONMENT)
        before, lazy = self.run_new('few()\nbefore = loaded()' + _EVERYTHING +
                                    'result = [before, everything]')
        engines = self.run_new('resources.initialise()' + _EVERYTHING +
                               'result = everything')
        for what, expected in engines.items():
            self.assertEqual(expected, lazy[what])
        self.assertIn('JSONDecoder', *engines['lifecycle'])
        self.assertIn('mine', engines['clients'])
        server, value, other, odd = engines['found']
        self.assertEqual("<class 'heat.engine.plugins.mine.Class'>", server)
        self.assertEqual("<class 'heat.engine.resources.odd.Class'>", odd)
        self.assertIn('none_resource', value)
        self.assertIn('random_string', other)
        self.assertIn('mine.Class', engines['constraints']['nova.flavor'])
        # A type that is replaced is loaded, for the log, as is the odd one.
        self.assertEqual(['openstack.nova.server', 'odd'], before)

    def test_a_plan_loads_what_its_stack_has(self):
        result = self.run_new('''
staff = few()
from heat.db import api as db_api
from heat.tests import utils
from tools import written_trees
utils.setup_dummy_db()
root = written_trees.Node({'a': {'type': 'OS::Heat::Value',
                                 'properties': {'value': 1}}})
written_trees.Writer(db_api.get_engine(), None).write([root])
staff.begin(list(run.named_stacks(
    utils.dummy_context(), [root.id])))
outcomes = [outcome.outcome for outcome in staff.finished(None).outcomes]
result = [outcomes, loaded(), *map(is_loaded, (
    'heat.engine.resources.openstack.heat.value',
    'heat.engine.clients.os.nova'))]
''')
        self.assertEqual([['planned'], [], True, False], result)

    def test_each_thread_finds_the_clients_which_are_loaded_once(self):
        self.assertEqual([True] * 4 + ['loaded'], self.run_new('''
few()
result, loads, load = [], [], clients.initialise
def initialise():
    loads.append('loaded')
    load()
clients.initialise = initialise
threads = [threading.Thread(
    target=lambda: result.append(bool(clients.has_client('nova'))))
    for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
result += loads
'''))

    def test_with_worker_processes_all_are_loaded_before_they_fork(self):
        self.assertLoadsAll('workers.staff(actions.PLAN, 1, 1).close()')

    def test_with_debug_the_log_lists_all(self):
        self.assertLoadsAll(debug=True)
        self.assertIn('OS::Nova::Server -> <class', self.log())

    def test_with_a_type_of_two_modules_all_are_loaded(self):
        self.write('resources/twice.py', _PLAIN)
        self.assertLoadsAll()

    def test_a_package_that_cannot_be_imported_is_an_error(self):
        self.write('resources/bad/__init__.py', 'import no_such_module')
        self.assertEqual('error', self.run_new('''
try:
    few()
except ImportError:
    result = 'error'
'''))

    def test_with_a_source_that_cannot_be_parsed_all_are_loaded(self):
        # Python imports it.
        self.write('resources/text.py', "'''\ndef resource_mapping():\n'''\n")
        self.assertLoadsAll()

    def test_with_a_heat_that_is_changed_all_are_loaded(self):
        self.assertLoadsAll('lazy_plugins._TESTED = "another"\nfew()')

    def test_without_the_files_of_heat_all_are_loaded(self):
        self.assertLoadsAll('''
file, resources.__file__ = resources.__file__, '/no/such/file'
few()''')


class TypesTest(common.HeatTestCase):
    """The types of a module, from its source."""

    def types(self, text):
        return resource_types.types_in(text)

    def test_plain_function(self):
        self.assertEqual(['A::B', 'C'], self.types(
            'class X: pass\n\ndef resource_mapping():\n'
            "    '''Why.'''\n    return {\n        'A::B': X, 'C': X}\n"))

    def test_no_function(self):
        self.assertEqual((), self.types('class X: pass\n'))

    def test_anything_else_needs_an_import(self):
        plain = "\ndef resource_mapping():\n    return {'A': X}\n"
        self.assertEqual(['A'], self.types(plain))
        for text in (
                None,
                'from x import *\n', 'from x import  *\n' + plain,
                'from x import resource_mapping\n',
                '\n@decorated' + plain,
                plain + 'resource_mapping = None\n',
                plain + 'X = None\n',
                plain.replace('resource', 'available_resource') + plain,
                plain.replace('resource', 'constraint') + plain,
                plain.replace('()', '(x=1)'),
                plain.replace('    return', '    X = None\n    return'),
                plain.replace("{'A': X}", 'TYPES'),
                plain.replace("{'A': X}", "dict(A=X)"),
                plain.replace("'A': X", '**TYPES'),
                plain.replace("'A'", 'A'), plain.replace("'A'", '1'),
                plain.replace("'A'", "'a.yaml'"),
                plain.replace(': X', ': X if Y else Z')):
            self.assertIsNone(self.types(text), text)
