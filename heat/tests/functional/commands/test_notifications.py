# SPDX-License-Identifier: Apache-2.0

"""The notifications of the commands."""

import collections
import json

import kombu

from heat.tests.functional.commands import command
from heat.tests.functional.harness import broker
from heat.tests.functional.harness import case
from heat.tests.functional.harness import databases


class NotificationTest(command.CommandTestCase):

    backend = databases.MYSQL

    def setUp(self):
        super().setUp()
        missing = case.missing_services(self.backend)
        if missing is not None:
            self.skipTest(missing)

    def use(self, transport_url):
        self.commands = self.useFixture(command.Commands(
            self.database.url, oslo_messaging_notifications={
                'driver': 'messagingv2', 'transport_url': transport_url}))

    def received(self, url, level):
        """The notifications of a level in the queue, by type."""
        found = collections.defaultdict(list)
        with kombu.Connection(url.replace('rabbit:', 'amqp:', 1)) as amqp:
            with amqp.SimpleQueue('notifications.%s' % level,
                                  queue_opts={'durable': False}) as messages:
                while True:
                    try:
                        message = messages.get(block=False)
                    except messages.Empty:
                        return found
                    message.ack()
                    envelope = json.loads(message.payload['oslo.message'])
                    found[envelope['event_type']].append(envelope['payload'])

    def test_each_conversion_ends_with_one_notification(self):
        url = self.useFixture(broker.Broker()).url
        self.use(url)
        ids = self.create_many(12)
        self.report('migrate-convergence-1', ids[0])
        self.report('migrate-convergence-1', '--all', '--workers', '2')
        payloads = self.received(url, 'info')[
            'orchestration.stack.migrate.end']
        self.assertEqual(sorted(ids), sorted(
            payload['stack_identity'] for payload in payloads))
        self.assertEqual({'MIGRATE_COMPLETE'},
                         {payload['state'] for payload in payloads})

    def test_stack_that_is_refused_gives_an_error_notification(self):
        url = self.useFixture(broker.Broker()).url
        self.use(url)
        stack_id, = self.create_many(1)
        self.rename_resources(stack_id)
        self.report('migrate-convergence-1', stack_id, status=2)
        payload, = self.received(url, 'error')[
            'orchestration.stack.migrate.error']
        self.assertEqual((stack_id, 'MIGRATE_FAILED'),
                         (payload['stack_identity'], payload['state']))

    def test_broker_that_is_down_keeps_no_stack_from_being_converted(self):
        self.use('rabbit://guest:guest@127.0.0.1:%d/' % command.free_port())
        self.create_many(12)
        done = self.manage('migrate-convergence-1', '--all')
        self.assertEqual({True: 12}, self.convergence())
        line, = [line for line in done.stderr.splitlines()
                 if 'notifications' in line]
        self.assertIn('No notifications are sent', line)
