# SPDX-License-Identifier: Apache-2.0

"""Test cases on a deployment that the tests of a class share."""

import multiprocessing
import os

from heatclient.common import template_utils
import testtools
from testtools import content

from heat.db import models
from heat.tests.functional.harness import broker
from heat.tests.functional.harness import databases
from heat.tests.functional.harness import deployment
from heat.tests.functional.harness import trees

_TRUE = ('1', 'true', 'yes')


def _required():
    """Whether a missing service is a failure, as in CI."""
    return any(os.environ.get(name, '').lower() in _TRUE
               for name in ('CI_REQUIRE_BACKENDS', 'CI'))


def template_path(name):
    """The path of a file of the folder ``templates``."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        'templates', name)


def plugins(name):
    """The path of a folder of resource plug-ins."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        'plugins', name)


def template(name):
    """Read a template as the ``openstack`` command does.

    :returns: arguments of heatclient's ``stacks.create`` and ``update``.
    """
    files, content_ = template_utils.get_template_contents(
        template_path(name))
    return {'template': content_, 'files': files}


def can_lock():
    """Whether processes can share a lock, as those of an engine do."""
    try:
        multiprocessing.Lock()
    except OSError:
        # /dev/shm is read-only, or is not there.
        return False
    return True


def missing_services(backend):
    """The service that a deployment would lack, in one line, or None."""
    if not databases.reachable(backend):
        return '%s is not reachable: tests on %s left out' % (
            databases.server_url(backend), backend)
    if not broker.reachable():
        return 'RabbitMQ is not reachable: tests on %s left out' % backend
    return None


class DeploymentTestCase(testtools.TestCase):
    """The tests of a class share one deployment.

    A subclass names its ``backend``. The stacks that its tests need are
    created together, by one legacy engine. Engines with ``conf`` then replace
    it.

    :cvar backend: one of ``databases.BACKENDS``.
    :cvar engines: how many engines there are while the tests run; 0 if each
        test starts its own.
    :cvar conf: the options of the engines while the tests run; None leaves
        those that created the stacks.
    :cvar legacy_stacks: what to create: a dict of the arguments of
        ``heatclient``'s ``stacks.create`` by stack name.
    :cvar converted_stacks: as ``legacy_stacks``; these are updated before
        the tests begin.
    :cvar legacy_conf: further options of the engines that create the stacks.
    :cvar deployment_class: the class of the deployment.
    :ivar heat: the running ``deployment.Deployment``.
    """

    deployment_class = deployment.Deployment
    backend = None
    engines = 2
    conf = {'convergence_engine': True, 'migrate_on_update': True}
    legacy_stacks = {}
    converted_stacks = {}
    legacy_conf = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.missing = cls.find_missing()
        if cls.missing is None:
            cls.heat = cls.deployment_class(
                cls.backend, cls.engines if cls.conf is None else 1,
                extra_conf=cls.legacy_conf)
            cls.heat.setUp()
            cls.addClassCleanup(cls.heat.cleanUp)
            cls._create_stacks()
            if cls.conf is not None:
                cls.heat.replace_engines(cls.engines, **cls.conf)
            cls._convert_stacks()

    @classmethod
    def find_missing(cls):
        """What is missing to run the tests, in one line, or None."""
        if not can_lock():
            return '/dev/shm cannot be written: tests of heat-engine left out'
        return missing_services(cls.backend)

    @classmethod
    def _create_stacks(cls):
        stacks = dict(cls.legacy_stacks, **cls.converted_stacks)
        for name, arguments in stacks.items():
            cls.heat.client.stacks.create(stack_name=name, **arguments)
        for name in stacks:
            cls.heat.wait_for(name, 'CREATE_COMPLETE')

    @classmethod
    def _convert_stacks(cls):
        for name in cls.converted_stacks:
            cls.heat.client.stacks.update(name, existing=True)
        for name in cls.converted_stacks:
            cls.heat.wait_for(name, 'UPDATE_COMPLETE')

    def setUp(self):
        super().setUp()
        if self.missing is not None:
            if _required():
                self.fail(self.missing)
            self.skipTest(self.missing)
        self.marks = {process: process.log_size()
                      for process in self._processes()}
        self.addOnException(self._attach_logs)

    def tree(self, stack_id):
        """Read the rows of a stack and of those nested in it."""
        return trees.read(self.heat.database, stack_id)

    def stack_id(self, name):
        return self.heat.client.stacks.get(name).id

    def update(self, name, *arguments):
        """Run ``openstack stack update`` and check that it completes.

        :returns: the stack as heatclient sees it.
        """
        self.heat.openstack('stack', 'update', *arguments, name)
        return self.heat.wait_for(name, 'UPDATE_COMPLETE')

    def outputs(self, stack):
        """Return the outputs by name."""
        return {output['output_key']: output['output_value']
                for output in stack.outputs}

    def migration_events(self, stack_id):
        """Return the statuses that conversions have left as events."""
        return [event['resource_status'] for event in self.heat.database.rows(
            models.Event, stack_id=stack_id, resource_action='MIGRATE')]

    def _processes(self):
        return [self.heat.api] + self.heat.engines

    def _attach_logs(self, _exc_info):
        for process in self._processes():
            self.addDetail(process.name, content.text_content(
                process.log(self.marks.get(process, 0))))
