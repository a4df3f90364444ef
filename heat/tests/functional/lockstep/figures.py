# SPDX-License-Identifier: Apache-2.0

"""Keep the counts of the differential test in a file while it runs."""

import collections
import json
import os
import time
import traceback

DIFFERENCES = 'differences'
#: Times of the whole process so far; "CPU" leaves out the database server.
SECONDS, CPU_SECONDS = 'seconds', 'CPU seconds'


class Figures:
    """Counts of compared examples, and the examples that differed.

    :param path: the JSON file to keep them in; None for no file.
    :ivar differences: the parts of each example that differed, with the
        traceback.
    """

    def __init__(self, path=None):
        self._path = path
        self._began = time.monotonic(), time.process_time()
        self._counts = collections.Counter()
        self.differences = []

    def add(self, template, pair):
        """Count an example in which nothing differed.

        :param template: the differential_templates.Template at the start.
        :param pair: the lockstep_operations.Pair at the end.
        """
        self._counts['root stacks'] += 1
        self._counts['root stacks, levels: %d' % template.levels()] += 1
        self._counts['root stacks, format: %s'
                     % ('CFN' if template.cfn else 'HOT')] += 1
        self._counts.update(pair.tried)
        self._counts['operations'] += sum(pair.operations.values())
        self._counts.update({'operations: ' + operation: count for
                             operation, count in pair.operations.items()})
        self._keep()

    def count(self, counts):
        """Add up the counts of an example in which nothing differed."""
        self._counts.update(counts)
        self._keep()

    def add_difference(self, example, error):
        """Remember an example, in a form that a test can be made of."""
        self.differences.append('%r\n%s' % (
            example, ''.join(traceback.format_exception(
                type(error), error, error.__traceback__))))
        self._keep()

    def _keep(self):
        if self._path is None:
            return
        self._counts[SECONDS], self._counts[CPU_SECONDS] = (
            round(now - then) for now, then in zip(
                (time.monotonic(), time.process_time()), self._began))
        # A run may be stopped at any time.
        with open(self._path + '.new', 'w') as new:
            json.dump(dict(self._counts, **{DIFFERENCES: self.differences}),
                      new, indent=1)
        os.replace(self._path + '.new', self._path)
