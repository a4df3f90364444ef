# SPDX-License-Identifier: Apache-2.0

"""The reference is complete and agrees with the code."""

import ast
import csv
import pathlib
import re

import heat
from heat.cmd.migrate import outcome
from heat.cmd.migrate import summary
from heat.common.migrate import options as migrate_options
from heat.db.migrate import counts as migrate_counts
from heat.db.migrate import leftovers as migrate_leftovers
from heat.engine.migrate import events as migrate_events
from heat.tests import common
from heat.tests import sources

DOCS = sources.CHECKOUT / 'doc' / 'source'
REFERENCE = DOCS / 'reference'

_PLACEHOLDER = re.compile(r'%(?:\(\w+\))?[\d.]*[sdf]')
_LEVELS = {'info': 'INFO', 'warning': 'WARNING', 'error': 'ERROR',
           'exception': 'ERROR'}
# The texts of variables that are logged.
_ELSEWHERE = {
    ('heat/overlay.py', 'error'): ['The convergence overlay is not active'],
    ('heat/engine/migrate/events.py', 'warning'): [
        'Snapshots of stack … stay', 'Snapshots of stack … that an engine'],
}


def as_documented(text):
    """Replace values that are filled in by …."""
    return ' '.join(_PLACEHOLDER.sub('…', text).split())


def log_lines():
    """Return the (level, text) of each log line of the overlay."""
    constants = {as_documented(text) for _path, text in sources.strings()}
    found = set()
    for path, call in sources.calls('LOG'):
        level = _LEVELS.get(call.func.attr)
        if level is None:
            continue
        text = ''
        if isinstance(call.args[0], ast.Constant):
            text = as_documented(call.args[0].value)
        if re.search(r'\w', text) or text == '… […]':
            found.add((level, text))
            continue
        found |= {(level, line) for line in constants
                  for start in _ELSEWHERE[path, call.func.attr]
                  if line.startswith(start)}
    return found


def documented_lines(text=None):
    text = text or (REFERENCE / 'index.rst').read_text()
    return {(level, line) for line, level in re.findall(
        r'^``(.+)`` \((INFO|WARNING|ERROR)\)$', text, re.MULTILINE)}


def is_line(documented, logged):
    return documented == logged or (
        documented[0] == logged[0] and documented[1].endswith('…') and
        logged[1].startswith(documented[1][:-1].strip()))


def first_column(page, heading):
    """Return the first cells, in literals, of the table that has a heading."""
    table = (REFERENCE / page).read_text().partition(
        '\n%s ' % heading)[2].split('\n\n')[0]
    return re.findall(r'^``(\w+)``', table, re.MULTILINE)


class ReferenceTest(common.HeatTestCase):

    def test_each_log_line_is_documented_with_its_level(self):
        documented = documented_lines()
        self.assertEqual(set(), {
            line for line in log_lines()
            if not any(is_line(one, line) for one in documented)})

    def test_each_documented_log_line_is_written(self):
        logged = log_lines()
        self.assertEqual(set(), {
            line for line in documented_lines()
            if not any(is_line(line, one) for one in logged)})

    def test_first_columns_of_the_tables(self):
        command = 'heat-manage-convergence.rst'
        for page, heading, expected in (
                ('index.rst', 'Status', [
                    migrate_events.ACTION + '_COMPLETE',
                    migrate_events.ACTION + '_FAILED']),
                (command, 'Key', outcome.Outcome._fields),
                (command, 'Field', migrate_leftovers.Leftover._fields),
                (command, 'Outcome', [
                    outcome.CONVERTED, outcome.REVERTED, outcome.REPAIRED,
                    outcome.PLANNED, outcome.OK, outcome.DAMAGED,
                    outcome.ALREADY, outcome.GONE, outcome.REFUSED,
                    outcome.FAILED])):
            self.assertEqual(list(expected), first_column(page, heading))

    def test_codes_of_failures_and_keys_of_the_status(self):
        page = (REFERENCE / 'heat-manage-convergence.rst').read_text()
        for word in (outcome.ERROR, outcome.DATABASE, outcome.WORKER_DIED,
                     outcome.TIMEOUT, *migrate_counts.Tally._fields):
            self.assertIn('``%s``' % word, page)

    def test_codes_that_end_with_exit_status_1(self):
        page = (REFERENCE / 'heat-manage-convergence.rst').read_text()
        row = re.search(r'^1 .*?^2 ', page, re.MULTILINE | re.DOTALL)[0]
        self.assertEqual(set(summary.NOT_SANE),
                         set(re.findall(r'``(\w+)``', row)))


class FiguresTest(common.HeatTestCase):

    def test_first_page_has_the_ratio_of_the_table(self):
        with open(DOCS / 'contributor/performance-trees.csv') as table:
            row, = (row for row in csv.DictReader(table)
                    if row['Database'] == 'MariaDB, Heat\N{NO-BREAK SPACE}27'
                    and row['Stack tree'].split() == ['flat', '1000'])
        ratio = float(row['Times less'].split()[0])
        self.assertIn('**%.0f times less processor time**' % ratio,
                      (DOCS / 'index.rst').read_text())


class NamesInTheGuidesTest(common.HeatTestCase):
    """The names in the guides exist."""

    def pages(self):
        return [*DOCS.rglob('*.rst'), sources.CHECKOUT / 'README.rst']

    def test_files_and_folders(self):
        heats = pathlib.Path(heat.__file__).parent.parent
        for page in [*self.pages(), sources.CHECKOUT / 'CONTRIBUTING.rst']:
            named = re.findall(
                r'``((?:heat|heat_overlay|tools|demo|\.ci)/[\w./*-]+)``',
                page.read_text())
            self.assertEqual([], [name for name in named if not any(
                any(folder.glob(name)) for folder in (sources.CHECKOUT,
                                                      heats))], page)

    def test_options_of_the_commands(self):
        tools = (path.read_text() for path in (
            sources.CHECKOUT / 'tools').rglob('*.py'))
        words = {word for text in [
            *(text for _path, text in sources.strings()), *tools]
            for word in re.findall(r'--[a-z-]+', text)}
        # Of pip, kolla, systemctl and the openstack client.
        words |= {'--no-deps', '--no-rollback', '--existing', '--wait',
                  '--help', '--fresh', '--kill-whom'}
        for page in self.pages():
            named = re.findall(r'``(--[a-z-]+)', page.read_text())
            self.assertEqual(set(), set(named) - words, page)

    def test_configuration_options(self):
        known = {option.name for option in migrate_options.opts}
        for page in self.pages():
            named = re.findall(r'^ *#?(migrate_\w+) =', page.read_text(),
                               re.MULTILINE)
            self.assertEqual(set(), set(named) - known, page)

    def test_messages_that_troubleshooting_explains(self):
        pieces = {as_documented(text) for _path, text in sources.strings()}
        page = (DOCS / 'operator' / 'troubleshooting.rst').read_text()
        messages = re.findall('^``(.+)``$', page, re.MULTILINE)
        self.assertGreater(len(messages), 10)
        for message in messages:
            message = re.sub('^(ERROR|heat-overlay): ', '', message)
            # This option is argparse's own.
            if 'invalid choice' not in message:
                start = message.split('…')[0] or message[1:]
                self.assertTrue(any(start in text for text in pieces),
                                message)


class UpstreamTest(common.HeatTestCase):

    def test_each_file_is_on_the_page(self):
        page = (DOCS / 'contributor' / 'upstream.rst').read_text()
        named = re.findall(r'^``(heat\S+\.py)`` ', page, re.MULTILINE)
        self.assertEqual([], [name for name in named
                              if named.count(name) > 1])
        # A package only has to be one.
        self.assertEqual({str(path) for path in sources.files()
                          if path.name != '__init__.py'}, set(named))
