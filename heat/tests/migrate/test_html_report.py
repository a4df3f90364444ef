# SPDX-License-Identifier: Apache-2.0

import os
import pathlib
import shutil
import subprocess

import fixtures
import testtools

from heat.cmd.migrate import errors
from heat.cmd.migrate import html_report
from heat.cmd.migrate import outcome as outcomes
from heat.tests import common
from heat.tests.migrate import command_case as case

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')

_ENGINE = '7a8e9b4c-1111-4222-8333-444455556666'

# A name that would run, one that would end an attribute, one that would turn
# the text around, and one that would end the line.
HOSTILE = ('<script>document.title = "owned"</script>', '"\' onload="alert(1)',
           'abc\u202edcba', 'one\ntwo')


def _outcome(outcome=outcomes.REFUSED, code='locked', message='Locked.',
             name='web', project='mine', stack_id='id'):
    return outcomes.Outcome(stack_id, name, project, outcome, code, message,
                            1, 2, 0.5)


class PageCase(common.HeatTestCase):

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.folder / 'report.html'

    def page(self, *found, **kwargs):
        with html_report.Page(str(self.path), 'A title', **kwargs) as page:
            for outcome in found:
                page.add(outcome)
        return self.path.read_text()


class PageTest(PageCase):

    def test_says_what_became_of_the_stacks(self):
        text = self.page(_outcome(stack_id='left'),
                         _outcome(outcomes.CONVERTED, None, None))

        for words in ('A title', 'left', 'locked', 'Locked.', '2 stacks',
                      '50.0 %', 'converted'):
            self.assertIn(words, text)

    def test_only_its_owner_can_read_it(self):
        self.page()

        self.assertEqual(0o600, os.stat(self.path).st_mode & 0o777)

    def test_an_error_leaves_the_page_of_before(self):
        self.path.write_text('before')

        def fail():
            with html_report.Page(str(self.path), 'A title'):
                raise ValueError()

        self.assertRaises(ValueError, fail)
        self.assertEqual('before', self.path.read_text())
        self.assertEqual([self.path], list(self.folder.iterdir()))

    def test_a_folder_that_is_not_there(self):
        error = self.assertRaises(
            errors.CommandError, html_report.Page,
            str(self.folder / 'none' / 'report.html'), 'A title')

        self.assertIn('none/report.html cannot be written', str(error))

    def test_a_folder_in_the_place_of_the_page(self):
        error = self.assertRaises(errors.CommandError, html_report.Page,
                                  str(self.folder), 'A title')

        self.assertIn('it is a folder', str(error))

    def test_names_are_no_markup(self):
        text = self.page(*[_outcome(name=name) for name in HOSTILE])

        self.assertNotIn('<script>document', text)
        self.assertNotIn('" onload="', text)
        self.assertNotIn('\u202e', text)
        self.assertNotIn('one\ntwo', text)

    def test_the_page_of_a_project_names_no_engine(self):
        found = _outcome(message='Stack web is locked by engine %s: wait.'
                         % _ENGINE)

        self.assertIn(_ENGINE, self.page(found))
        self.assertNotIn(_ENGINE, self.page(found, project='mine'))

    def test_the_page_of_a_project_names_no_host(self):
        found = _outcome(outcomes.FAILED, 'no_answer',
                         'The engines on host-7 did not answer.')

        self.assertIn('host-7', self.page(found))
        self.assertNotIn('host-7', self.page(found, project='mine'))


@testtools.skipUnless(CHROMIUM, 'There is no Chromium: no browser looks at '
                      'the report')
class BrowserTest(PageCase):

    def dom(self):
        """The page as a browser has it when its scripts have run."""
        return subprocess.run(
            [CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu',
             '--no-first-run', '--disable-background-networking',
             '--user-data-dir=%s' % (self.folder / 'browser'), '--dump-dom',
             self.path.as_uri()], check=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, timeout=120).stdout

    def test_no_name_runs_as_a_script(self):
        self.page(*[_outcome(name=name) for name in HOSTILE])

        dom = self.dom()

        self.assertIn('<title>A title</title>', dom)
        self.assertIn('&lt;script&gt;document.title', dom)

    def test_a_click_on_a_column_sorts_by_it(self):
        self.page(_outcome(stack_id='b'), _outcome(stack_id='a'))
        click = ('<script>document.querySelector(".sortable button").click()'
                 '</script></body>')
        self.path.write_text(
            self.path.read_text().replace('</body>', click))

        dom = self.dom()

        self.assertLess(dom.index('<td>a</td>'), dom.index('<td>b</td>'))


class ReportOptionTest(case.CommandTestCase):

    def test_a_run_writes_the_page(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'r.html')

        self.run_command('migrate-convergence-1', '--report', path,
                         '6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001')

        with open(path) as page:
            self.assertIn('not_found', page.read())

    def test_a_page_that_cannot_be_written_ends_the_run_before_it(self):
        acted = self.patchobject(html_report.outcomes, 'failure')

        status, _out, err = self.run_command(
            'migrate-convergence-1', '--report', '/nowhere/at/all/r.html',
            '6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001')

        self.assertEqual(2, status)
        self.assertIn('cannot be written', err)
        acted.assert_not_called()
