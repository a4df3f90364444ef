# SPDX-License-Identifier: Apache-2.0

"""Random operations that fail, are cancelled or killed, and others after.

CI runs a few fixed examples. ``tools/differential.py --failed`` runs many,
different each time.
"""

import collections
import itertools
import os
import random

from heat.db import api as db_api
from heat.db import models
from heat.tests.functional.harness import databases
from heat.tests.functional.lockstep import deaths
from heat.tests.functional.lockstep import failed_case
from heat.tests.functional.lockstep import failed_examples
from heat.tests.functional.lockstep import figures
from heat.tests.functional.lockstep import lives
from heat.tests.functional.lockstep import test_differential

EXAMPLES = test_differential.EXAMPLES

#: A resume fails with this at a resource that the suspend did not suspend: see
#: the tests named test_a_resume_that_fails_...
NOT_SUSPENDED = 'invalid for resume'


class RandomTest(failed_case.FailedTestCase):

    pairs = 8

    def setUp(self):
        super().setUp()
        self.figures = figures.Figures(os.environ.get('HEAT_TEST_FIGURES'))
        self.useFixture(deaths.one_engine_at_a_time())
        # The pings of the pool would take a fifth of the time.
        dialect = db_api.get_engine().dialect
        dialect.do_ping = lambda _connection: True
        self.addCleanup(delattr, dialect, 'do_ping')

    def test_a_failed_stack_lives_on_as_a_native_one(self):
        seed = os.environ.get('HEAT_TEST_SEED', '')
        numbers, compared = itertools.count(), 0
        while compared < (EXAMPLES or self.pairs):
            compared += self.compare(failed_examples.draw(
                random.Random('%s %d' % (seed, next(numbers)))))
        self.assertEqual([], self.figures.differences)

    def compare(self, example):
        """Compare a pair.

        :returns: false if play() had nothing to compare
        """
        self.tried = collections.Counter({'root stacks': 1})
        try:
            converted = self.play(example, convergence=False)
            if converted is None:
                return False
            self.compare_with_native(example, converted)
        except Exception as exc:
            if not EXAMPLES:
                raise
            # A long run continues, and reports all differences.
            self.figures.add_difference(example, exc)
        else:
            self.figures.count(self.tried)
        return True

    def compare_with_native(self, example, converted):
        native = self.play(example, convergence=True)
        if native is None:
            # The native delete has ended, because no handler was interrupted.
            self.assertTrue(example.deleted)
            self.assertEqual(([], {}), (converted[-1]['end']['leaked'],
                                        converted[-1]['things']))
            return
        for ours, theirs in zip(converted, native):
            fault = failed_case.fault(theirs['end'])
            if fault:
                self.tried['faults of native stacks: ' + fault] += 1
                self.assertIn(failed_case.fault(ours['end']), (None, fault))
            elif (example.completes_the_missing and
                  failed_case.fault(ours['end']) == failed_case.NEVER_CREATED):
                # The native twin had created it before it failed.
                self.tried['faults of Heat: never created'] += 1
                self.assertEqual(self.but_for(theirs, ours), ours)
            else:
                self.assertEqual(theirs, ours)

    def but_for(self, theirs, ours):
        """The state of the native twin without what ours has not created."""
        missing = ours['end'][failed_case.NEVER_CREATED]
        return dict(theirs, end=dict(
            theirs['end'], **{failed_case.NEVER_CREATED: missing},
            living=[thing for thing in theirs['end']['living']
                    if thing[0][-1] not in missing]))

    def play(self, example, convergence):
        """Run all operations of a stack.

        :returns: its state after the last update and after the delete; None if
            no stack is left, nothing in it has failed, or the legacy engine
            has lost a thing or has a resource without one
        """
        self.empty_database()
        self.lost = []
        life = lives.Life(self, convergence)
        life.files = failed_examples.FILES
        life.doubled, life.checked = set(), set()
        if example.breaks[0].operation != 'create':
            life.create(example.old.render(), life.files,
                        example.old.parameters)
        for broken in example.breaks:
            self.break_(life, broken, example)
            if life.identity is None:
                return None
        if not convergence:
            if self.has_leaked(life) or self.has_invented():
                return None
            self.tried['states: ' + self.state(life.identity)] += 1
        life.convert()
        if not (convergence or example.forgets):
            self.assertEqual(set(), life.forgotten)
        if not convergence and not life.plan.failed:
            return None
        self.tried['lost nested stacks'] += len(self.lost)
        ends = []
        if not example.deleted:
            for operation in example.operations:
                self.attempt(life, operation, example)
            self.attempt(life, 'target', example)
            ends.append({'end': self.end(life, example), 'things': None})
        self.attempt(life, 'delete', example)
        ends.append({'end': self.end(life, example),
                     'things': life.ledger.things})
        return ends

    def has_leaked(self, life):
        """Whether no row has the id of a thing any more.

        A rollback that fails can give the row of a replacement the id of the
        replaced thing.
        """
        return not life.ledger.things.keys() <= {
            row['physical_resource_id']
            for row in self.database.rows(models.Resource)}

    def has_invented(self):
        """Whether a stack has a COMPLETE resource that was never created.

        See test_a_rollback_of_the_legacy_engine_takes_it_back.
        """
        backups = {row['id'] for row in
                   self.database.rows(models.Stack, backup=True)}
        return any(row['status'] == 'COMPLETE' and
                   row['action'] not in ('INIT', 'DELETE') and
                   not row['physical_resource_id'] and
                   row['stack_id'] not in backups
                   for row in self.database.rows(models.Resource))

    def end(self, life, example):
        """The end of a life, without what Heat is known to delete too early.

        That is what the legacy engine had forgotten (test_failed_uses), what
        a doubled resource uses (test_what_reads_a_changed_mapping), and what a
        resource began to use in an update that failed, before it was checked
        (test_a_check_of_what_an_update_has_begun).
        """
        end = life.end()
        for what, paths in (('forgotten', life.forgotten),
                            ('doubled', example.used_by(life.doubled)),
                            ('checked', example.used_by(life.checked))):
            known = [path for path in end['deleted in use']
                     if path not in paths]
            if known != end['deleted in use']:
                self.tried['faults of Heat: ' + what] += 1
            end = dict(end, **{'deleted in use': known})
        return end

    def break_(self, life, broken, example):
        def run():
            self.do(life, broken.operation, example)

        life.ledger.failing, life.ledger.interruptions = set(), {}
        if broken.how == failed_examples.FAIL:
            life.failing(*broken.pairs)
        elif broken.how in failed_examples.CANCELS:
            names = sorted(example.new.nodes)
            life.interrupt(names[broken.number % len(names)],
                           broken.how == failed_examples.ROLL_BACK)
        if not life.convergence:
            self.tried['broken: %s, %s' % broken[:2]] += 1
        try:
            if broken.how != failed_examples.KILL:
                run()
            elif life.convergence:
                life.failing(*self.interrupted)
                run()
            else:
                deaths.kill(self, run, deaths.Death(broken.moment))
                self.interrupted = self.find_interrupted()
        except Exception as exc:
            # A stack that failed may refuse the next operation.
            self.tried['refused by Heat: ' + type(exc).__name__] += 1
        life.identity = deaths.root_identity(self)

    def find_interrupted(self):
        """The handlers that ran when the engine was killed, with the names.

        They fail in the native twin, because no native operation is killed.
        """
        return {(row['name'], row['action'].lower())
                for row in self.database.rows(models.Resource)
                if row['status'] == 'IN_PROGRESS' or
                (row['status_reason'] or '').startswith('Engine went down')}

    def attempt(self, life, operation, example):
        self.tried['operations'] += 1
        self.tried['operations: ' + operation] += 1
        is_check = life.plan and operation == 'check'
        failed = self.failed_paths(life) if is_check else ()
        self.do(life, operation, example)
        if is_check:
            life.checked |= failed - self.failed_paths(life)
        if life.plan and operation == 'third':
            living = [path for path, *_ in life.ledger.living()]
            life.doubled |= {path for path in living
                             if living.count(path) > 1 and
                             example.reads_changed_value(path[0])}

    def failed_paths(self, life):
        return {(row['name'],) for row in self.resource_rows(life.identity)
                if row['status'] == 'FAILED'}

    def do(self, life, operation, example):
        old, new = example.old, example.new
        if operation == 'create':
            life.create(old.render(), life.files, old.parameters)
        elif operation in ('target', 'update'):
            self.update(life, new)
        elif operation == 'update with rollback':
            self.update(life, new, rollback=True)
        elif operation == 'old':
            self.update(life, old)
        elif operation == 'third':
            life.failing(*((name, 'update') for name in 'bd'))
            self.update(life, failed_examples.third(new), rollback=True)
            life.failing()
        elif operation == 'patch':
            self.resume(life)
            life.patch()
        elif operation == 'suspend and resume':
            self.suspend_and_resume(life)
        elif (operation == 'delete' and
              self.state(life.identity) == 'DELETE_COMPLETE'):
            # The delete was killed, or it would have no row any more.
            self.tried['faults of Heat: already deleted'] += 1
            self.assertRaises(failed_case.ALREADY_DELETED, life.delete)
        else:
            getattr(life, operation)()

    def resume(self, life):
        """Resume the stack, because Heat does not update a suspended one."""
        if self.row(life.identity)['action'] == 'SUSPEND':
            # Heat resumes no resource whose suspend has failed.
            self.suspend_and_resume(life)

    def suspend_and_resume(self, life):
        life.suspend()
        life.resume()
        if NOT_SUSPENDED in self.row(life.identity)['status_reason']:
            self.tried['faults of Heat: resume failed'] += 1
            life.resume_nested()

    def update(self, life, template, rollback=False):
        self.resume(life)
        life.update(template.render(), rollback, params=template.parameters)


class MySQLTest(RandomTest):

    backend = databases.MYSQL
    pairs = 3
