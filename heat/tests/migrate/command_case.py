# SPDX-License-Identifier: Apache-2.0

"""Base class of the tests of heat-manage's commands."""

import argparse
import io
import json

import fixtures

from heat.cmd.migrate import commands
from heat.cmd.migrate import parsers
from heat.objects import event as event_object
from heat.objects import resource as resource_object
from heat.objects import stack as stack_object
from heat.tests import common
from heat.tests.migrate import fixtures as migrate_fixtures
from heat.tests import utils


def parser():
    """A parser with our commands."""
    made = argparse.ArgumentParser()
    parsers.add_all(made.add_subparsers(),
                    lambda name: getattr(commands, name))
    return made


def run(*words):
    """Run a command here; returns its status, output and errors."""
    out, err = io.StringIO(), io.StringIO()
    with (fixtures.MonkeyPatch('sys.stdout', out),
          fixtures.MonkeyPatch('sys.stderr', err)):
        args = parser().parse_args(words)
        status = args.func(args)
    return status, out.getvalue(), err.getvalue()


class CommandTestCase(common.HeatTestCase):
    """heat-manage's commands in the process of the test."""

    def setUp(self):
        super().setUp()
        self.ctx = utils.dummy_context()
        self.stdin = io.StringIO()
        self.useFixture(fixtures.MonkeyPatch('sys.stdin', self.stdin))
        # They change the log of the whole process, and check for a schema of
        # alembic.
        for name in ('log.log_elsewhere_than_stdout',
                     'database.check_database'):
            self.useFixture(fixtures.MonkeyPatch(
                'heat.cmd.migrate.%s' % name, lambda: None))

    def run_command(self, *words):
        """Run a command; returns its status, output and errors."""
        return run(*words)

    def outcomes(self, *words):
        """Run a command for its JSON lines; returns its status and them."""
        status, out, _err = self.run_command(*words, '--format', 'json')
        return status, [json.loads(line) for line in out.splitlines()]

    def legacy(self, name='legacy', requirements=None, **kwargs):
        return migrate_fixtures.create_legacy(
            self.ctx, migrate_fixtures.template_of(requirements or {'a': []}),
            name=name, **kwargs).id

    def is_convergence(self, stack_id):
        return stack_object.Stack.get_by_id(self.ctx, stack_id).convergence

    def set_name(self, stack_id, name):
        """Rename the resources of a stack in its rows, which is a reason."""
        for row in resource_object.Resource.get_all_by_stack(
                self.ctx, stack_id).values():
            resource_object.Resource.get_obj(
                self.ctx, row.id).update_and_save({'name': name})

    def events(self, stack_id):
        """The MIGRATE events of a stack."""
        return sorted((
            event for event in event_object.Event.get_all_by_stack(
                self.ctx, stack_id) if event.resource_action == 'MIGRATE'),
            key=lambda event: event.id)

    def migration_events(self, stack_id):
        """Their statuses."""
        return [event.resource_status for event in self.events(stack_id)]

    def set_status(self, stack_id, status):
        stack_object.Stack.update_by_id(self.ctx, stack_id,
                                        {'status': status})
