# SPDX-License-Identifier: Apache-2.0

"""The clients of users and operators for a running Heat."""

import json
import re
import subprocess

from heatclient import client as heatclient
from keystoneauth1 import noauth
from keystoneauth1 import session

from heat.tests.functional.harness import processes

PROJECT = 'admin'  # the project of a request that names none (heat's noauth)

_COMMAND_TIMEOUT = 300  # seconds

_JSON = re.compile(r'^[\[{].*', re.DOTALL | re.MULTILINE)


class CommandFailed(Exception):
    """A command ended with a status that is not 0."""

    def __init__(self, result):
        super().__init__('%s: status %d\n%s%s' % (
            ' '.join(result.args), result.returncode, result.stdout,
            result.stderr))
        self.result = result


class Clients(object):
    """The real clients, for a fixture that runs Heat without Keystone.

    :ivar bin_dir: the folder of Heat's commands, None for this environment.
    :ivar url: where the API is, with no path.
    :ivar folder: where commands run.
    :ivar config_file: the heat.conf of the engines.
    """

    bin_dir = None

    @property
    def endpoint(self):
        """The endpoint of ``PROJECT``."""
        return '%s/v1/%s' % (self.url, PROJECT)

    @property
    def client(self):
        """A heatclient in ``PROJECT``."""
        return self.client_of()

    def client_of(self, project=PROJECT):
        """Return a heatclient that makes its requests in ``project``."""
        return heatclient.Client('1', session=session.Session(
            auth=noauth.NoAuth(endpoint='%s/v1/%s' % (self.url, project)),
            additional_headers={'X-Auth-Project': project}))

    def wait_for(self, stack, status, seconds=120):
        """Poll until the operation on a stack has ended.

        :param stack: its name or id; for a deleted stack only its id.
        :param status: how it has to end, e.g. ``UPDATE_COMPLETE``.
        :returns: the stack as heatclient sees it.
        :raises processes.Unready: when it ended with another status, or not in
            time.
        """
        def done():
            shown = self.client.stacks.get(stack)
            return shown.status != 'IN_PROGRESS' and shown
        shown = processes.wait_until(
            done, '%s of stack %s' % (status, stack), seconds)
        if shown.stack_status != status:
            raise processes.Unready('Stack %s is not %s but %s: %s' % (
                stack, status, shown.stack_status,
                shown.stack_status_reason))
        return shown

    def environment(self):
        """Return the environment of the commands."""
        return processes.environment()

    def run(self, name, *arguments, **variables):
        """Run a command of this environment.

        :param variables: variables to add to its environment.
        :returns: a ``subprocess.CompletedProcess`` with text output.
        """
        return subprocess.run(
            (processes.command(name, self.bin_dir),) + arguments,
            env=dict(self.environment(), **variables), cwd=self.folder,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
            timeout=_COMMAND_TIMEOUT)

    def run_openstack(self, *arguments):
        """Run the ``openstack`` command as a user does."""
        return self.run('openstack', *arguments, OS_AUTH_TYPE='none',
                        OS_ENDPOINT=self.endpoint)

    def openstack(self, *arguments):
        """Run the ``openstack`` command and decode what it prints.

        :returns: the decoded JSON. With ``--wait`` the events that come
            before it are left out.
        :raises CommandFailed: when its status is not 0.
        """
        result = self.run_openstack(*arguments, '-f', 'json')
        if result.returncode:
            raise CommandFailed(result)
        return json.loads(_JSON.search(result.stdout).group())

    def heat_manage(self, *arguments):
        """Run ``heat-manage`` with the configuration of the engines."""
        return self.run('heat-manage', '--config-file', self.config_file,
                        *arguments)
