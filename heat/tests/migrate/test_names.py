# SPDX-License-Identifier: Apache-2.0

"""Heat accepts any character in a name; all output of it is one line."""

import json

import fixtures

from heat.engine.migrate import events as migrate_events
from heat.objects import raw_template
from heat.objects import resource as resource_object
from heat.objects import stack as stack_object
from heat.tests.migrate import command_case as case
from heat.tests.migrate import fixtures as migrate_fixtures

# Heat's own check of the name of a stack lets only a newline at its end pass.
STACK = 'web\n'
NAME = 'a\n\x1b[2J\u202e'


class NamesTest(case.CommandTestCase):
    """A stack, a resource and a parameter, each with such a name."""

    def setUp(self):
        super().setUp()
        self.notify = self.patchobject(migrate_events.notification, 'notify')
        self.patch('heat.common.messaging.NOTIFIER')
        self.log = self.useFixture(fixtures.FakeLogger(
            format='%(message)s'))

    def stack(self, parameters=None):
        snippet = migrate_fixtures.template_of({NAME: []})
        snippet['parameters'] = {NAME: {'type': 'number', 'default': 1}}
        stack_id = migrate_fixtures.create_legacy(self.ctx, snippet).id
        if parameters:
            self.set_parameters(stack_id, parameters)
        stack_object.Stack.update_by_id(self.ctx, stack_id, {'name': STACK})
        return stack_id

    def set_parameters(self, stack_id, values):
        """Store values that Heat would not have accepted."""
        row = stack_object.Stack.get_by_id(self.ctx, stack_id)
        raw_template.RawTemplate.update_by_id(
            self.ctx, row.raw_template_id,
            {'environment': {'parameters': values}})

    def all_shown(self, *words):
        """Run a command on the stack twice; returns all of its output."""
        before = len(self.log.output)
        _status, out, err = self.run_command(*words)
        _status, lines, err_too = self.run_command(*words, '--format', 'json')
        for line in lines.splitlines():
            self.assertEqual(STACK, json.loads(line)['name'])
        messages = [json.loads(line)['message'] or ''
                    for line in lines.splitlines()]
        texts = (out.splitlines() + err.splitlines() + err_too.splitlines() +
                 lines.splitlines() + messages +
                 self.log.output[before:].splitlines())
        texts += [text for event in self.events(words[-1]) for text in (
            event.resource_name, event.resource_status_reason)]
        texts += [str(text) for call in self.notify.call_args_list
                  for text in call.args[-1].values()]
        return texts

    def assertPrintable(self, texts, *names):
        for text in texts:
            self.assertTrue(text.isprintable(), repr(text))
        for name in (r'web\n',) + names:
            self.assertTrue(any(name in text for text in texts), name)

    def test_a_dry_run_and_a_conversion(self):
        stack_id = self.stack()
        for words in (['--dry-run'], []):
            self.assertPrintable(self.all_shown('migrate-convergence-1',
                                                *words, stack_id))

    def test_a_refusal(self):
        for parameters, name, code in (
                (None, 'b' + NAME, 'missing_resources]'),
                # The template does not allow it.
                ({NAME: 'many'}, NAME, 'invalid_parameters]')):
            stack_id = self.stack(parameters)
            self.set_name(stack_id, name)
            self.assertPrintable(
                self.all_shown('migrate-convergence-1', stack_id),
                r'a\n\x1b[2J\u202e', code)
            stack_object.Stack.delete(self.ctx, stack_id)

    def test_a_row_that_holds_nothing(self):
        stack_id = self.stack()
        resource_object.Resource.create(self.ctx, {
            'stack_id': stack_id, 'name': 'b' + NAME, 'action': 'CREATE',
            'status': 'COMPLETE'})
        self.assertPrintable(
            self.all_shown('migrate-convergence-1', stack_id),
            r'held nothing: ba\n\x1b[2J\u202e')

    def test_the_longest_name_fits_into_an_event(self):
        stack_id = self.stack()
        stack_object.Stack.update_by_id(self.ctx, stack_id,
                                        {'name': 'w' * 254 + '\n'})
        self.run_command('migrate-convergence-1', stack_id)
        event, = self.events(stack_id)
        # Escaped, it has one character more than the column.
        self.assertEqual(255, len(event.resource_name))
