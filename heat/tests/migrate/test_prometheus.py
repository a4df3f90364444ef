# SPDX-License-Identifier: Apache-2.0

import io

import fixtures
from prometheus_client import parser

from heat.cmd.migrate import convergence_status
from heat.cmd.migrate import prometheus
from heat.db.migrate import counts as migrate_counts
from heat.db.migrate import leftovers as migrate_leftovers
from heat.tests import common


class MetricsTest(common.HeatTestCase):

    def samples(self, *tallies):
        return {(sample.name, *sorted(sample.labels.items())): sample.value
                for family in parser.text_string_to_metric_families(
                    prometheus.text(tallies))
                for sample in family.samples}

    def test_roots_and_nested_stacks_by_state(self):
        found = self.samples(migrate_counts.Tally('p', 'ready', 2, 3, 4))

        labels = (('project', 'p'), ('state', 'ready'))
        self.assertEqual({
            ('heat_root_stacks', *labels): 2,
            ('heat_nested_stacks', ('engine', 'legacy'), *labels): 3,
            ('heat_nested_stacks', ('engine', 'convergence'), *labels): 4,
        }, found)

    def test_a_project_with_any_name(self):
        for name in ('"', '\\', 'a\nb', '<script>', 'x\u202ey', None):
            found = self.samples(migrate_counts.Tally(name, 'ready', 1, 0, 0))

            self.assertIn(('heat_root_stacks', ('project', name or ''),
                           ('state', 'ready')), found)

    def test_no_project_and_an_empty_one_are_counted_together(self):
        found = self.samples(migrate_counts.Tally(None, 'ready', 1, 0, 0),
                             migrate_counts.Tally('', 'ready', 2, 0, 0))
        self.assertEqual(3, found['heat_root_stacks', ('project', ''),
                                  ('state', 'ready')])

    def printed(self, show, value):
        out = io.StringIO()
        with fixtures.MonkeyPatch('sys.stdout', out):
            show(value, 'prometheus')
        return out.getvalue()

    def test_failed_stacks_by_what_the_option_would_do(self):
        text = self.printed(convergence_status.show_with_failed,
                            {('p', 'ready'): 2, (None, 'locked'): 1})
        self.assertEqual(
            {('p', 'ready', 2), ('', 'locked', 1)},
            {(sample.labels['project'], sample.labels['with_failed'],
              sample.value)
             for family in parser.text_string_to_metric_families(text)
             for sample in family.samples})

    def test_nothing_else_follows_the_metrics(self):
        leftover = migrate_leftovers.Leftover(
            *[()] * len(migrate_leftovers.Leftover._fields))
        self.assertEqual('', self.printed(
            convergence_status.show_leftovers, [leftover]))
