# SPDX-License-Identifier: Apache-2.0

"""Statements and the largest one that the database server takes."""

from oslo_config import cfg
from oslo_db.sqlalchemy import enginefacade

from heat.common import identifier
from heat.common.migrate import exception as migrate_exception
from heat.db import api as db_api
from heat.db import models
from heat.engine import convergence_migrate
from heat.engine.migrate import graph_size
from heat.tests.functional.commands import command
from heat.tests.functional.harness import mariadb_node
from heat.tests.functional.harness import synchronous
from heat.tests.functional.harness import trees
from heat.tests import sources
from heat.tests import utils

written_trees = sources.load_tool('written_trees')

_KIND = 'OS::Heat::TestResource'

#: Bytes; a multiple of 1,024. No statement of Heat's is larger here.
_LIMIT = 16 << 10

#: The limit that MariaDB has without a setting, and a lower one in use.
_DEFAULT_LIMIT, _LOWEST_LIMIT = 16 << 20, 4 << 20


def _full(count, value='x'):
    """Each resource depends on all before it."""
    names = ['r%d' % number for number in range(count)]
    return {'heat_template_version': '2018-08-31', 'resources': {
        name: {'type': _KIND, 'depends_on': names[:number],
               'properties': {'value': value}}
        for number, name in enumerate(names)}}


class PacketTestCase(synchronous.EngineTestCase):
    """Tests on a server of their own.

    :cvar settings: of that server, as for ``mariadb_node.Node``
    """

    settings = ()

    def setUp(self):
        super().setUp()
        missing = mariadb_node.missing()
        if missing:
            self.skipTest(missing)
        self.node = self.useFixture(mariadb_node.Node(*self.settings))
        self.database = self.useFixture(mariadb_node.Database(self.node))
        self.connect()
        # Heat retries every statement that lost its connection.
        cfg.CONF.set_override('db_max_retries', 1, 'database')
        cfg.CONF.set_override('db_retry_interval', 0, 'database')

    def limit(self, size):
        """Set the limit of the server, in bytes."""
        self.node.execute('SET GLOBAL max_allowed_packet = %d' % size)
        # Open connections keep the old value.
        self.connect()

    def connect(self):
        """Have Heat use new connections, as after a restart."""
        manager = enginefacade.transaction_context()
        manager.configure(connection=self.database.url)
        restore = db_api.context_manager.patch_factory(manager)
        self.addCleanup(restore)
        self.addCleanup(manager.writer.get_engine().dispose)

    def tree(self, identity):
        return trees.read(self.database, identity['stack_id'])


class PacketTest(PacketTestCase):
    """A server with a low limit; the rules do not depend on its value."""

    settings = ('max-allowed-packet=%d' % _LIMIT,)

    def setUp(self):
        super().setUp()
        self.patchobject(graph_size, 'ASK_FROM', new=_LIMIT // 4)

    def test_a_tree_is_divided_into_statements(self):
        identity = self.create({
            'heat_template_version': '2018-08-31', 'resources': {
                'group': {'type': 'OS::Heat::ResourceGroup', 'properties': {
                    'count': 8, 'resource_def': {'type': 'nested.yaml'}}}}},
            files={'nested.yaml': _yaml(_full(14))})
        self.convert(identity)
        tree = self.tree(identity)
        self.assertEqual({True}, tree.convergence())
        self.assertGreater(sum(len(str(row['current_deps']))
                               for row in tree.stacks), _LIMIT)
        # A repair divides its statements in the same way.
        with self.database.engine.begin() as connection:
            connection.execute(models.Stack.__table__.update().values(
                current_deps=None))
            connection.execute(models.Resource.__table__.update().values(
                requires=None))
        convergence_migrate.repair(self.ctx, identity['stack_id'])
        convergence_migrate.check_rows(self.ctx, identity['stack_id'])
        self.assertEqual(
            [(row['id'], row['current_deps']) for row in tree.stacks],
            [(row['id'], row['current_deps'])
             for row in self.tree(identity).stacks])

    def test_graph_too_large(self):
        identity = self.create(_full(28))
        before = self.tree(identity)
        for function in (convergence_migrate.plan,
                         convergence_migrate.convert):
            refused = self.assertRaises(
                migrate_exception.GraphTooLarge, function, self.ctx,
                identity['stack_id'])
        self.assertEqual(before, self.tree(identity))
        self.assertEqual(_LIMIT, refused.kwargs['limit'])
        self.node.execute('SET GLOBAL max_allowed_packet = %d'
                          % refused.kwargs['enough'])
        # Open connections keep the old value.
        self.assertRaises(migrate_exception.GraphTooLarge,
                          convergence_migrate.convert, self.ctx,
                          identity['stack_id'])
        self.connect()
        self.convert(identity)
        self.update(identity, 'y')
        self.assertGreater(len(str(self.row(identity)['current_deps'])),
                           _LIMIT)

    def test_heat_itself_cannot_store_a_larger_graph(self):
        # The reason why such a stack stays legacy, though its own graph is
        # small enough.
        identity = self.create(_full(28))
        self.patchobject(graph_size, 'ASK_FROM', new=10 * _LIMIT)
        self.convert(identity)
        self.update(identity, 'y', 'UPDATE_FAILED')

    def update(self, identity, value, state='UPDATE_COMPLETE'):
        self.heat.update_stack(self.ctx, identity, _full(28, value), {}, {},
                               {'disable_rollback': True})
        self.finish(identity)
        self.assertEqual(state, self.state(identity))


class LargeTreeTest(PacketTestCase):
    """A tree that is too large for one statement of a usual server.

    Each of 40 nested stacks has 200 resources, and each resource depends on
    all before it. These are 796,000 dependencies.
    """

    def write(self):
        """Write the legacy tree; returns its identity."""
        nested = {'m%d' % number: written_trees.Node(_full(200)['resources'])
                  for number in range(40)}
        root = written_trees.Node(
            {name: {'type': 'member.yaml'} for name in nested}, nested)
        written_trees.Writer(self.database.engine, None).write([root])
        return dict(identifier.HeatIdentifier(written_trees.TENANT, root.name,
                                              root.id))

    def update(self, identity):
        """Begin an update, which leaves a resource in each nested stack.

        Heat takes long to validate the large templates.
        """
        cfg.CONF.set_override('migrate_on_update', True)
        self.heat.update_stack(
            utils.dummy_context(tenant_id=written_trees.TENANT), identity,
            None, {}, {'member.yaml': _yaml(_full(1))}, {'existing': True})

    def assertConverted(self, identity):
        tree = self.tree(identity)
        self.assertEqual({True}, tree.convergence())
        self.assertEqual((41, 8040), (len(tree.stacks), len(tree.resources)))
        self.assertEqual(796000, sum(len(row['requires'])
                                     for row in tree.resources))
        self.assertGreater(sum(len(str(row['current_deps']))
                               for row in tree.stacks), _DEFAULT_LIMIT)

    def test_the_command_converts_it(self):
        commands = self.useFixture(command.Commands(self.database.url))

        def run(outcome, *options):
            done = commands.run('migrate-convergence-1', identity['stack_id'],
                                '--format', 'json', *options)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual(outcome, command.outcomes(done.stdout)[
                identity['stack_id']]['outcome'])
        for limit in (_DEFAULT_LIMIT, _LOWEST_LIMIT):
            self.limit(limit)
            identity = self.write()
            if limit == _LOWEST_LIMIT:
                run('planned', '--dry-run')
            run('converted')
            self.assertConverted(identity)

    def test_an_update_converts_it(self):
        # Also on a busy machine.
        cfg.CONF.set_override('migrate_on_update_timeout', 900)
        self.limit(_LOWEST_LIMIT)
        identity = self.write()
        self.update(identity)
        self.assertConverted(identity)
        self.assertEqual('UPDATE_IN_PROGRESS', self.state(identity))

    def test_an_update_that_cannot_wait_for_it_runs_as_legacy(self):
        begun = []

        def start(_threads, stack_id, *args, **kwargs):
            begun.append(stack_id)
            return synchronous.Thread()
        # To run it to its end would take minutes.
        self.patchobject(synchronous.Threads, 'start', new=start)
        # It takes longer to read the tree.
        cfg.CONF.set_override('migrate_on_update_timeout', 0.1)
        identity = self.write()
        self.update(identity)
        self.assertEqual({False}, self.tree(identity).convergence())
        self.assertIn(identity['stack_id'], begun)
        event, = self.database.rows(models.Event, resource_action='MIGRATE')
        self.assertEqual('FAILED', event['resource_status'])
        self.assertIn('(migrate_on_update_timeout)',
                      event['_resource_status_reason'])


def _yaml(template):
    # JSON is YAML.
    return models.types.dumps(template)
