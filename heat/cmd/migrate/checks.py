# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What has to be in order before a command begins, and is made so here."""

import contextlib
import logging as std_logging
import sys

from alembic import script
from alembic.util import exc as alembic_exc
import kombu
from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_log import log as logging
import oslo_messaging
import sqlalchemy
from sqlalchemy import exc as sqlalchemy_exc

from heat.cmd.migrate import outcome
from heat.common.i18n import _
from heat.common import messaging
from heat.db import migration as db_migration
from heat import version

CONF = cfg.CONF

_BROKER_TIMEOUT = 5  # seconds

_UNUSABLE_TRANSPORT = (oslo_messaging.InvalidTransportURL,
                       oslo_messaging.DriverLoadFailure)


class CommandError(Exception):
    """The command cannot begin or go on; the text is the line to print."""


def log_elsewhere_than_stdout():
    """Log to where heat.conf says, and never to standard output.

    Heat's main sets the log up before it has read heat.conf, so that all of
    it goes to standard output. Without a place to log to, only errors are
    shown, on standard error: the report tells the rest.
    """
    try:
        logging.setup(CONF, 'heat-manage')
    except (OSError, logging.LogConfigError) as exc:
        print('No log is written: %s' % exc, file=sys.stderr)
        for option in ('log_config_append', 'log_file', 'log_dir'):
            CONF.set_override(option, None)
        logging.setup(CONF, 'heat-manage')
    for handler in std_logging.getLogger().handlers:
        if getattr(handler, 'stream', None) is sys.stdout:
            handler.setStream(sys.stderr)
            handler.setLevel(std_logging.ERROR)


def check_database():
    """See that the database is there, with the schema of this Heat.

    :raises CommandError: with what is wrong
    """
    # A service waits for its database when it starts. A command had better
    # say at once that it is down.
    CONF.set_default('max_retries', 0, group='database')
    with database_errors():
        found = db_migration.db_version()
    scripts = script.ScriptDirectory.from_config(
        db_migration._find_alembic_conf())
    if found == scripts.get_current_head():
        return
    raise CommandError(_schema_problem(scripts, found))


def _schema_problem(scripts, found):
    if found is None:
        return ('The database %s has no schema of Heat\'s: check [database] '
                'connection, or create it with heat-manage db_sync.'
                % _database())
    facts = (_database(), found, version.version_info.release_string(),
             scripts.get_current_head())
    try:
        scripts.get_revision(found)
    except alembic_exc.CommandError:
        return ('The schema of the database %s (%s) is newer than that of '
                'this Heat %s (%s): use the heat-manage of the Heat that '
                'runs on it.' % facts)
    return ('The schema of the database %s (%s) is older than that of this '
            'Heat %s (%s): run heat-manage db_sync first.' % facts)


@contextlib.contextmanager
def database_errors():
    """Make a CommandError of what goes wrong with the database."""
    try:
        yield
    except (db_exception.DBError, db_exception.CantStartEngineError,
            sqlalchemy_exc.SQLAlchemyError) as exc:
        raise CommandError(_('The database %s cannot be used: %s') % (
            _database(), outcome.one_line(exc))) from exc


def _database():
    """The connection string as it may be shown: without the password."""
    try:
        return sqlalchemy.make_url(
            CONF.database.connection).render_as_string(hide_password=True)
    except sqlalchemy_exc.ArgumentError:
        return '([database] connection is not set)'


def can_notify():
    """Whether notifications are wanted and the broker accepts them.

    With one that is down, sending each of them would be tried for ever.
    Nothing stays open: the processes that are forked next connect themselves.
    """
    try:
        # Registers the options.
        oslo_messaging.get_notification_transport(CONF).cleanup()
    except _UNUSABLE_TRANSPORT as exc:
        return _cannot_notify(outcome.one_line(exc))
    options = CONF.oslo_messaging_notifications
    if any(driver.startswith('messaging') for driver in options.driver):
        error = _broker_error(options.transport_url or CONF.transport_url)
        if error:
            return _cannot_notify(error)
    return bool(options.driver)


def _cannot_notify(why):
    print('No notifications are sent: %s' % why, file=sys.stderr)
    return False


def connect_to_engines():
    """Set up RPC.

    :raises CommandError: when the broker cannot be reached
    """
    try:
        messaging.setup()
        error = _broker_error(CONF.transport_url)
    except _UNUSABLE_TRANSPORT as exc:
        error = outcome.one_line(exc)
    if error:
        raise CommandError(_('No engine can be called: %s') % error)


def _broker_error(url):
    """Say in a line why no RabbitMQ answers, None if one does.

    oslo.messaging itself waits for a broker without an end. Other transports
    than RabbitMQ's are taken for reachable.
    """
    parsed = oslo_messaging.TransportURL.parse(CONF, url)
    if not parsed.transport.startswith(('rabbit', 'kombu')):
        return None
    errors = []
    for host in parsed.hosts:
        ssl = CONF.oslo_messaging_rabbit.ssl or None
        try:
            with kombu.Connection(
                    hostname=host.hostname, port=host.port,
                    userid=host.username, password=host.password,
                    virtual_host=parsed.virtual_host or '/', ssl=ssl,
                    connect_timeout=_BROKER_TIMEOUT) as amqp:
                amqp.connect()
            return None
        except Exception as exc:
            # Whatever it is: that host is of no use.
            errors.append('%s:%s: %s' % (host.hostname, host.port,
                                         outcome.one_line(exc)))
    return 'the message broker does not answer (%s)' % '; '.join(errors)
