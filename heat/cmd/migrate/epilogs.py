# SPDX-License-Identifier: Apache-2.0

"""What the --help of a command says after its options."""

import textwrap

_AGAIN = (
    'some stacks are busy: run the command again. Or they are not in a state '
    'to be changed: follow the report, then run the command again. Or a '
    'signal or --limit ended the run before the last stack: run the command '
    'again')
_WRONG = ('the arguments are wrong, the database cannot be used, or an '
          'engine runs without the protection')


def _exit_statuses(done, failed):
    texts = done, _AGAIN, '%s, %s' % (failed, _WRONG)
    return 'exit status:\n%s\n' % '\n'.join(
        textwrap.fill(text, 78, initial_indent='  %d  ' % status,
                      subsequent_indent=' ' * 5)
        for status, text in enumerate(texts))


MIGRATE = """\
examples:
  heat-manage migrate-convergence-1 --all --dry-run
      show what would be converted, and why other stacks would not
  heat-manage migrate-convergence-1 6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001
      convert one stack, with every stack nested in it
  heat-manage migrate-convergence-1 --all --limit 10
      convert the ten oldest stacks that can be converted
  heat-manage migrate-convergence-1 --all --failed --dry-run
      also show what would become of stacks that are not COMPLETE
  heat-manage migrate-convergence-1 --all --max-rate 5 \\
      --pause-file /run/heat/pause --format json > converted.jsonl
      convert slowly; "touch /run/heat/pause" makes the run wait
  jq -r 'select(.code | IN("in_progress", "locked", "changed")).id' \\
      converted.jsonl
      print the ids of the busy stacks, to convert them later
  heat-manage migrate-convergence-1 --all --retry 10m
      try busy stacks again for ten minutes
  heat-manage convergence-status --list failed | \\
      heat-manage migrate-convergence-1 --dry-run -
      explain the stacks in one state
  heat-manage migrate-convergence-1 --verify --all
      check that convergence stacks have what their next operation needs

""" + _exit_statuses(
    'all stacks are convergence stacks now (--dry-run: can become convergence '
    'stacks; --verify and --repair: are ok)',
    'a stack failed, is damaged (--verify) or was refused for another reason')

REVERT = """\
examples:
  heat-manage revert-convergence-1 --all --dry-run
      show which stacks can become legacy again, and why others cannot
  heat-manage revert-convergence-1 6fe7ad0a-7a5b-44a8-b67a-a4d3d6a0a001
      make one stack legacy again, with every stack nested in it
  heat-manage revert-convergence-1 --from converted.jsonl
      undo one run; converted.jsonl is what migrate-convergence-1 printed
      with --format json

which stacks a conversion made:
  A conversion leaves a stack event, MIGRATE_COMPLETE, that says Converted to
  convergence. --all takes the stacks that have it, and no stack that Heat
  created under convergence. Heat deletes the oldest events of a stack beyond
  max_events_per_stack. A stack that has lost this event counts as native.
  Heat's own old command left no event. Name such stacks by id or by --from,
  or give --include-native.

""" + _exit_statuses(
    'all stacks are legacy stacks now (--dry-run: can become legacy stacks)',
    'a stack failed or was refused for another reason')

STATUS = """\
examples:
  heat-manage convergence-status
  heat-manage convergence-status --format json | jq 'select(.state == "ready")'
  heat-manage convergence-status --list failed
  heat-manage convergence-status --format prometheus > heat.prom

states:
  convergence  all stacks of the tree are convergence stacks
  ready        legacy, and its rows show nothing that prevents a conversion
  any other    legacy, and the reason that prevents a conversion

Root stacks that are failed or have a backup stack in use are counted once
more, by what migrate-convergence-1 --failed would do with them. The nested
stacks that Heat has left over come last, with their ids.

The command reads every stack and every resource; twice if root stacks are
failed. With a million resources this takes some seconds. Write a file for
Prometheus every few minutes, not every few seconds.

exit status:
  0  the counts are printed
  1  with --deep: a signal ended it before the last stack
  2  the database cannot be used, or the arguments are wrong
"""
