# SPDX-License-Identifier: Apache-2.0

import html
import os
import pathlib
import shutil
import signal
import subprocess

import fixtures
import testtools

from heat.cmd.migrate import errors
from heat.cmd.migrate import html_report
from heat.cmd.migrate import outcome as outcomes
from heat.common.migrate import exception as migrate_exception
from heat.tests import common
from heat.tests.migrate import command_case as case

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')

_ENGINE = '7a8e9b4c-1111-4222-8333-444455556666'

# Names that would run as a script, end an attribute, reverse the text, and end
# the line.
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

    def test_a_page_that_fails_at_the_end_leaves_no_file(self):
        def write():
            with html_report.Page(str(self.path), 'A title'):
                self.path.mkdir()

        error = self.assertRaises(errors.CommandError, write)
        self.assertIn('report.html cannot be written', str(error))
        self.assertEqual([self.path], list(self.folder.iterdir()))

    def test_a_link_stays_a_link(self):
        target = self.folder / 'target.html'
        self.path.symlink_to(target)

        self.page()

        self.assertTrue(self.path.is_symlink())
        self.assertIn('A title', target.read_text())

    def test_a_page_that_cannot_be_written(self):
        for path, reason in (
                (str(self.folder / 'none' / 'report.html'),
                 'none/report.html cannot be written'),
                (str(self.folder), 'it is not a file'),
                # A device is not replaced.
                (os.devnull, 'it is not a file')):
            error = self.assertRaises(errors.CommandError, html_report.Page,
                                      path, 'A title')
            self.assertIn(reason, str(error))

    def test_names_are_no_markup(self):
        text = self.page(*[_outcome(name=name) for name in HOSTILE])

        self.assertNotIn('<script>document', text)
        self.assertNotIn('" onload="', text)
        self.assertNotIn('\u202e', text)
        self.assertNotIn('one\ntwo', text)

    def test_the_page_of_a_project_names_nothing_of_the_cloud(self):
        for found, name in (
                (_outcome(message='Stack web is locked by engine %s: wait.'
                          % _ENGINE), _ENGINE),
                (_outcome(code='credentials', message='Unable to establish '
                          'connection to http://10.0.0.7:5000/v3: refused.'),
                 '10.0.0.7'),
                (_outcome(outcomes.FAILED, 'no_answer',
                          'The engines on host-7 did not answer.'),
                 'host-7')):
            self.assertIn(name, self.page(found))
            self.assertNotIn(name, self.page(found, project='mine'))

    def test_the_page_of_a_project_has_no_error_of_a_service(self):
        error = "HTTPConnectionPool(host='10.0.0.7', port=9696): refused"
        for refused, remedy in (
                (migrate_exception.ImplicitDependencies(
                    stack='web (id)', resource='fip', error=error),
                 'Remove the cause'),
                (migrate_exception.Credentials(stack='web (id)', error=error),
                 'Let its owner')):
            found = _outcome(code=refused.code, message=str(refused))
            self.assertIn('10.0.0.7', self.page(found))
            page = self.page(found, project='mine')
            self.assertNotIn('10.0.0.7', page)
            self.assertIn(remedy, page)

    def test_the_page_of_a_project_names_no_stack_of_another(self):
        text = str(migrate_exception.Adopted(
            stack='web (id)', owner='gone', id='id', below='',
            shared='theirs (8d0e) has server = phys-1'))
        found = _outcome(code='adopted', message=text)

        self.assertIn('8d0e', self.page(found))
        page = self.page(found, project='mine')
        self.assertNotIn('8d0e', page)
        self.assertIn('openstack stack abandon id', page)
        self.assertIn('enable_stack_abandon', page)


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

        self.assertLess(dom.index('"id">a</td>'), dom.index('"id">b</td>'))

    def test_nothing_is_wider_than_a_phone(self):
        self.page(*[_outcome(stack_id=letter * 36, project=letter * 32,
                             message=letter * 90) for letter in 'ab'])
        self.path.write_text(
            '<iframe style="width: 400px" srcdoc="%s"></iframe><script>'
            'onload = () => { const page = frames[0].document.documentElement;'
            ' document.title = page.scrollWidth - page.clientWidth }</script>'
            % html.escape(self.path.read_text()))

        self.assertIn('<title>0</title>', self.dom())


class ReportOptionTest(case.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.path = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'r.html')

    def test_a_run_writes_the_page(self):
        self.run_command('migrate-convergence-1', '--report', str(self.path),
                         '6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001')

        self.assertIn('not_found', self.path.read_text())

    def test_ctrl_c_does_not_keep_the_page_from_being_written(self):
        render = html_report.Page._render

        def interrupted(page):
            signal.raise_signal(signal.SIGINT)
            return render(page)

        self.useFixture(fixtures.MonkeyPatch(
            'heat.cmd.migrate.html_report.Page._render', interrupted))
        status, _out, err = self.run_command(
            'migrate-convergence-1', '--all', '--report', str(self.path))

        self.assertEqual((0, ''), (status, err))
        self.assertIn('0 stacks', self.path.read_text())

    def test_a_page_that_cannot_be_written_ends_the_run_before_it(self):
        acted = self.patchobject(html_report.outcomes, 'failure')

        status, _out, err = self.run_command(
            'migrate-convergence-1', '--report', '/nowhere/at/all/r.html',
            '6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001')

        self.assertEqual(2, status)
        self.assertIn('cannot be written', err)
        acted.assert_not_called()
