# SPDX-License-Identifier: Apache-2.0

"""Follow a guide of doc/source as it is printed.

Only its code blocks count. A block with a caption is a file. A ``console``
block has commands, each with its output below. ``...`` in the output stands
for any text. The paths of a guide lie below a folder of the test.
"""

import doctest
import os
import re
import subprocess
import typing

from heat.tests.functional.harness import processes

SOURCE = os.path.join(processes.TREE, 'doc', 'source')

_BLOCK = re.compile(r'^\.\. code-block:: (?P<language>\w+)\n'
                    r'(?P<options>(?:   :.*\n)*)\n'
                    r'(?P<body>(?:   .*\n|\n)+)', re.MULTILINE)
_CAPTION = re.compile(r':caption: (\S+)')
_PROMPT = re.compile(r'[$#] ')
# The start of a path, but not a slash within one.
_PATH = re.compile(r'(?<![\w./:*-])/(?=(?:etc|opt|usr|var)/)')


class File(typing.NamedTuple):
    """A file of the guide, to be written."""

    path: str
    text: str


class Command(typing.NamedTuple):
    """A command of the guide, with its expected output."""

    words: str
    output: str


class Unexpected(Exception):
    """The output differs from the guide."""


def read(name):
    """Return the files and commands of a guide, in its order.

    :param name: its file, below doc/source
    """
    with open(os.path.join(SOURCE, name)) as guide:
        text = guide.read()
    steps = []
    for block in _BLOCK.finditer(text):
        body = re.sub('^   ', '', block['body'], flags=re.MULTILINE)
        caption = _CAPTION.search(block['options'])
        if caption:
            steps.append(File(caption[1], body.strip('\n') + '\n'))
        elif block['language'] == 'console':
            steps.extend(_commands(body))
    return steps


def _commands(body):
    found = []
    for line in body.rstrip('\n').splitlines(keepends=True):
        if _PROMPT.match(line):
            found.append([line[2:].strip(), ''])
        else:
            found[-1][1] += line
    return [Command(words, output) for words, output in found]


def instructions(dockerfile):
    """Return the (instruction, words) of a Dockerfile."""
    lines = re.sub(r'\\\n *', '', dockerfile).splitlines()
    return [tuple(line.split(' ', 1)) for line in lines if line]


class Follower:
    """Follows a guide on a host.

    :param host: has ``root``, the folder that stands for /, ``admin``, the
        folder to run commands in, and their environment ``env``
    :param shell: the command that runs a line of shell
    """

    def __init__(self, host, shell=('/bin/sh', '-c')):
        self._host = host
        self._shell_words = shell

    def path(self, text):
        """Put the paths of a text below the folder."""
        return _PATH.sub(lambda found: self._host.root + '/', text)

    def follow(self, step):
        """Take one step.

        :raises Unexpected: when the output differs from the guide
        """
        if isinstance(step, File):
            self._write(step)
        else:
            self._run(step)

    def _write(self, step):
        # A file with a relative name lies where the commands run.
        path = os.path.join(self._host.admin, self.path(step.path))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as out:
            out.write(self.path(step.text))

    def _run(self, step):
        done = self._shell(step.words)
        expected = self.path(step.output)
        if not _is_as_said(expected, done.stdout):
            raise Unexpected('%s ended with %d and printed\n%s\nbut the guide '
                             'says\n%s' % (done.args[-1], done.returncode,
                                           done.stdout, expected))

    def run(self, words):
        """Run a line of shell on the host.

        :raises Unexpected: when it fails
        """
        done = self._shell(words)
        if done.returncode:
            raise Unexpected('%s ended with %d and printed\n%s' % (
                words, done.returncode, done.stdout))

    def _shell(self, words):
        return subprocess.run(
            [*self._shell_words, self.path(words)], cwd=self._host.admin,
            text=True, env=self._host.env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)


def _is_as_said(expected, printed):
    if not expected:
        return not printed
    return doctest.OutputChecker().check_output(
        expected.strip(), printed.strip(), doctest.ELLIPSIS)
