# SPDX-License-Identifier: Apache-2.0

"""Each reason code has a test that causes it and follows its remedy.

A new code needs a line in one of the first two tables.
"""

import inspect

from heat.tests import common
from heat.tests.functional.commands import test_remedies_deployed
from heat.tests.functional.faults import test_packet
from heat.tests.functional.lockstep import test_failed_bad_input
from heat.tests.functional.lockstep import test_failed_merged
from heat.tests.functional.remedies import test_convert
from heat.tests.functional.remedies import test_edited
from heat.tests.functional.remedies import test_killed
from heat.tests.functional.remedies import test_other_ways
from heat.tests.functional import test_leftovers
from heat.tests.migrate import test_exception

LAST_TEMPLATES = (
    'test_an_update_replaces_a_damaged_template_of_the_last_update',
    'test_a_lost_template_is_restored')
MERGED_TEMPLATES = (
    'test_from_cfn_to_hot', 'test_from_hot_to_cfn', 'test_in_hot',
    'test_in_cfn', 'test_a_damaged_merged_template_is_restored',
    'test_a_damaged_template_of_a_backup_stack_is_restored',
    'test_an_update', 'test_an_update_after_a_check',
    'test_a_repair_of_each_template',
    'test_a_repair_where_no_update_is_possible')

#: The tests of the remedies for each code.
REMEDIES = {
    'adopted': ['test_adopted_again_and_abandoned_nothing_is_lost',
                'test_adopted'],
    'backup_resources': ['test_backup_resources'],
    'changed': ['test_changed'],
    'circular_dependencies': ['test_circular_dependencies'],
    'credentials': ['test_credentials'],
    'failed': ['test_failed'],
    'graph_too_large': ['test_graph_too_large'],
    'implicit_dependencies': ['test_implicit_dependencies'],
    'in_progress': ['test_in_progress', 'test_in_progress_before_the_lock',
                    'test_resource_in_progress',
                    'test_engine_with_a_resource',
                    'test_resource_of_an_engine'],
    'interrupted': ['test_interrupted'],
    'invalid_parameters': ['test_invalid_parameters',
                           'test_encrypted_parameters'],
    'invalid_template': ['test_template_of_a_plugin',
                         'test_damaged_template', 'test_lost_template',
                         *LAST_TEMPLATES, *MERGED_TEMPLATES],
    'legacy': ['test_legacy'],
    'locked': ['test_locked'],
    'missing_resources': ['test_missing_resources'],
    'nested': ['test_nested'],
    'no_root': ['test_not_adopted_it_can_be_deleted',
                'test_not_adopted_it_can_be_abandoned'],
    'orphan_resources': ['test_orphan_resources',
                         'test_orphan_in_progress',
                         'test_a_type_mapped_to_a_nested_stack',
                         'test_a_nested_stack_mapped_to_a_type'],
    'out_of_time': ['test_out_of_time'],
    'replaced_resources': ['test_replaced_resources'],
    'rows_differ': ['test_rows_differ'],
    'snapshots': ['test_snapshots'],
    'unknown_resource_type': ['test_unknown_resource_type',
                              'test_a_type_that_is_no_longer_mapped'],
    'unreferenced_nested': ['test_once_deleted_the_others_convert',
                            'test_ignored_it_stays_legacy_and_listed',
                            'test_unreferenced_nested'],
}

#: The codes without a remedy, and why. The reference page also says so.
NO_REMEDY = {
    'error': 'a fault of this project',
    'gone': 'there is no stack any more',
    'not_found': 'there is no stack',
}

#: The tests that edit rows to cause a reason, and why no engine can.
EDITED = {
    'test_resource_of_an_engine':
        'the legacy engine never stores an engine_id, and no revert takes a '
        'stack with one; only Heat releases of long ago left one',
    'test_damaged_template':
        'Heat parses a template before it stores it; only a fault of the '
        'database damages it later',
    'test_lost_template':
        'the foreign keys of a server keep each template that a stack has; '
        'only a backup that is restored in part loses one',
}

CASES = (test_convert.ConvertTest, test_convert.OutOfTimeTest,
         test_edited.EditedTest, test_killed.KilledTest,
         test_other_ways.OtherWaysTest)
ELSEWHERE = (test_failed_bad_input.TemplateTest,
             test_failed_merged.ConditionTest, test_failed_merged.FormatTest,
             test_failed_merged.MappingTest,
             test_failed_merged.RemovedFunctionTest,
             test_leftovers.UnreferencedTest, test_leftovers.WithoutRootTest,
             test_packet.PacketTest, test_remedies_deployed.RemediesTest)


def tests_in(case):
    return {name for name in vars(case) if name.startswith('test_')}


class TableTest(common.HeatTestCase):

    def test_each_code_has_a_remedy_or_a_reason_why_not(self):
        self.assertEqual({reason.code for reason in test_exception.reasons()},
                         REMEDIES.keys() | NO_REMEDY.keys())
        self.assertEqual(set(), REMEDIES.keys() & NO_REMEDY.keys())

    def test_each_remedy_is_a_test(self):
        remedies = set(sum(REMEDIES.values(), []))
        here = set().union(*map(tests_in, CASES))
        elsewhere = set().union(*map(tests_in, ELSEWHERE))
        self.assertEqual(here, remedies & here)
        self.assertEqual(remedies, remedies & (here | elsewhere))

    def test_only_those_that_say_why_edit_rows(self):
        self.assertEqual(EDITED.keys(), tests_in(test_edited.EditedTest))
        editing = {name for case in CASES
                   for name, method in vars(case).items()
                   if inspect.isfunction(method) and
                   'engine.begin(' in inspect.getsource(method)}
        self.assertEqual({'write'}, editing)
