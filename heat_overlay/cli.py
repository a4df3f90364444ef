# SPDX-License-Identifier: Apache-2.0

"""The commands heat-overlay and heat-sandbox.

Exit status of heat-overlay: 0 done (status: active), 1 not active (status
only), 2 refused or failed; one line on stderr has the reason. ``run`` has the
exit status of the command that it starts.
"""

import argparse
import json
import os
import shutil
import sys

import heat_overlay
from heat_overlay import activation
from heat_overlay import environment
from heat_overlay import readable
from heat_overlay import startup

_EXAMPLES = """\
examples:
  heat-overlay run heat-manage --help   run one command with the overlay
  heat-overlay enable                   load it always; restart heat-engine
  heat-overlay status --format json     print the status for a script
  heat-overlay disable                  return to the stock Heat
  PYTHONPATH="$(heat-overlay path)" heat-engine
                                        for a unit file or an image

exit status:
  0  done; for status: the overlay is active
  1  only for status: the overlay is not active
  2  refused or failed; the reason is on stderr
"""


def do_run(args):
    """Replace this process with a command that has the overlay."""
    words = args.words[1:] if args.words[:1] == ['--'] else args.words
    if not words:
        raise environment.OverlayError(
            'run needs a command, for example: heat-overlay run heat-engine')
    # Commands of the same environment come first: it may not be in PATH.
    path = os.pathsep.join([os.path.dirname(sys.executable),
                            os.environ.get('PATH', os.defpath)])
    command = shutil.which(words[0], path=path)
    if command is None:
        raise environment.OverlayError(
            'There is no command %s here or in PATH.' % words[0])
    environment.require_usable(environment.python_of(command))
    try:
        # A Python that is not in PATH finds itself by the name it is called
        # with.
        os.execve(command, [command] + words[1:], environment.with_overlay())
    except OSError as exc:
        raise environment.OverlayError(
            'Cannot start %s: %s. The first line of a script names its '
            'interpreter, for example #!/bin/sh.'
            % (command, exc.strerror)) from exc


def do_path(args):
    """Print the folder to put in PYTHONPATH."""
    print(heat_overlay.tree())


def do_enable(args):
    """Write the start-up files and check that they work."""
    tree = heat_overlay.tree()
    usable = environment.require_usable(args.python)
    folder = args.site_dir or usable['purelib']
    changed = startup.write(folder, tree)
    hidden = readable.unreadable(
        usable['heat']['location'], os.path.join(tree, 'heat'),
        *startup.paths(folder))
    if hidden is not None:
        startup.remove(folder)
        raise environment.OverlayError(
            'Nothing is enabled: other users cannot read %s, and the engine '
            'may run as one of them. Make it readable (chmod -R go+rX) and '
            'enable the overlay again.' % hidden)
    answer = environment.ask(args.python, environment.without_overlay())
    if not answer['active'] or answer['overlay'] != tree:
        startup.remove(folder)
        raise environment.OverlayError(
            'Nothing is enabled: start-up files in %s have no effect on the '
            'Heat of %s, which reads them from %s.' % (
                folder, answer['python']['location'],
                ', '.join(answer['site_dirs'])))
    if changed:
        print('The overlay is enabled for Heat %s by start-up files in %s. '
              'Restart heat-engine to use it.' % (
                  answer['heat']['version'], folder))
    else:
        print('The overlay is enabled already, since %s.'
              % startup.since(folder))


def do_disable(args):
    """Remove the start-up files, wherever they are."""
    folders = environment.ask(args.python)['site_dirs']
    if args.site_dir:
        folders = [args.site_dir]
    removed = [folder for folder in folders if startup.remove(folder)]
    if removed:
        print('The overlay is disabled, its start-up files in %s are removed. '
              'Restart heat-engine to run the stock Heat.'
              % ', '.join(removed))
    else:
        print('The overlay was not enabled.')


def do_status(args):
    """Print whether Heat runs with the overlay."""
    found = activation.collect(args.python)
    if args.format == 'json':
        print(json.dumps(found, indent=2))
    else:
        print('\n'.join(activation.as_text(found)))
    return activation.exit_status(found)


def _add_command(commands, name, function, text, example):
    parser = commands.add_parser(name, help=text,
                                 epilog='example: ' + example)
    parser.set_defaults(func=function)
    return parser


def _add_python(parser):
    parser.add_argument(
        '--python', metavar='PYTHON', type=lambda python: [python],
        help='the Python that Heat runs in; default: the one that runs '
             'heat-overlay')


def _add_site_dir(parser):
    parser.add_argument(
        '--site-dir', metavar='DIR', type=os.path.abspath,
        help='folder of the start-up files, for example '
             '/usr/local/lib/python3.13/dist-packages; default: the '
             'site-packages folder of PYTHON')


def build_parser():
    """Return the argument parser of heat-overlay."""
    parser = argparse.ArgumentParser(
        prog='heat-overlay',
        description='Run the installed OpenStack Heat with the convergence '
                    'overlay.',
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(metavar='COMMAND', required=True)

    run = _add_command(
        commands, 'run', do_run, 'run a command with the overlay',
        'heat-overlay run heat-engine --config-file heat.conf')
    run.add_argument('words', nargs=argparse.REMAINDER, metavar='COMMAND ...',
                     help='the command and its arguments')
    _add_command(commands, 'path', do_path,
                 'print the folder to put in PYTHONPATH',
                 'Environment=PYTHONPATH=FOLDER in a unit file')
    enable = _add_command(
        commands, 'enable', do_enable, 'load the overlay whenever Heat starts',
        'heat-overlay enable --python /usr/bin/python3')
    disable = _add_command(
        commands, 'disable', do_disable, 'remove the start-up files of enable',
        'heat-overlay disable --python /usr/bin/python3')
    show = _add_command(
        commands, 'status', do_status,
        'show whether Heat runs with the overlay',
        'heat-overlay status --format json')
    for command in (enable, disable, show):
        _add_python(command)
    for command in (enable, disable):
        _add_site_dir(command)
    show.add_argument('--format', choices=('text', 'json'), default='text')
    return parser


def main(argv=None):
    """Run heat-overlay and return its exit status."""
    args = build_parser().parse_args(argv)
    try:
        return args.func(args) or 0
    except environment.OverlayError as exc:
        print('heat-overlay: %s' % exc, file=sys.stderr)
        return 2


def sandbox():
    """Replace this process with heat-sandbox, with the overlay in front."""
    try:
        environment.require_usable()
    except environment.OverlayError as exc:
        print('heat-sandbox: %s' % exc, file=sys.stderr)
        return 2
    # The current folder may hold a source tree of Heat, which must not be
    # used. The option -P is new in Python 3.11. Ctrl-C while Heat is loaded
    # ends it without a traceback.
    start = ("import signal, sys; sys.path[:1] == [''] and sys.path.pop(0); "
             "signal.getsignal(signal.SIGINT) is signal.default_int_handler "
             "and signal.signal(signal.SIGINT, signal.SIG_DFL); "
             "from heat.sandbox import main; sys.exit(main.main())")
    os.execve(sys.executable, [sys.executable, '-c', start] + sys.argv[1:],
              environment.with_overlay())
