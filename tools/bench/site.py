# SPDX-License-Identifier: Apache-2.0

"""A Heat in this process, on the database to measure."""

from oslo_config import cfg
from oslo_db import options as db_options
from oslo_log import log as logging
import sqlalchemy

from heat.common import config  # noqa: F401 registers Heat's options
from heat.common import context
from heat.common import messaging
from heat.db import api as db_api
from heat.objects import user_creds
from tools.bench import meter
from tools.bench import proxy
from tools import written_trees

_OPTIONS = {
    'auth_encryption_key': '0123456789abcdef0123456789abcdef',
    'deferred_auth_method': 'password',
    'keystone_backend': 'heat.engine.clients.os.keystone.'
                        'fake_keystoneclient.FakeKeystoneClient',
    'default_log_levels': ['heat=CRITICAL'],
    'convergence_engine': True, 'migrate_on_update': True,
    'max_resources_per_stack': -1}


class Site:
    """Heat's configuration for one database.

    :param url: SQLAlchemy URL of a database with Heat's schema
    :param added_ms: milliseconds that each command to a server takes longer
    :ivar url: the URL to connect to
    :ivar meter: a :class:`meter.Meter` of Heat's own database engine
    :ivar writer: a :class:`written_trees.Writer`
    """

    def __init__(self, url, added_ms):
        self.url = sqlalchemy.engine.make_url(url)
        commands = None
        if self.url.port:
            far = proxy.Proxy((self.url.host, self.url.port), added_ms / 1000)
            commands = far.commands
            self.url = self.url.set(host='127.0.0.1', port=far.port)
        _configure(self.url)
        self.engine = db_api.get_engine()
        self.meter = meter.Meter(self.engine, commands)
        self.writer = written_trees.Writer(
            self.engine, user_creds.UserCreds.create(self.context()).id)

    @staticmethod
    def context():
        """A new request context, which shares nothing with another."""
        return context.RequestContext.from_dict({
            'tenant_id': written_trees.TENANT, 'tenant': written_trees.TENANT,
            'username': 'bench', 'user_id': 'bench', 'password': 'bench',
            'roles': ['admin'], 'is_admin': False, 'auth_token': 'bench',
            'auth_url': 'http://127.0.0.1:5000/v3'})


def _configure(url):
    conf = cfg.CONF
    logging.register_options(conf)
    conf.import_opt('keystone_backend',
                    'heat.engine.clients.os.keystone.heat_keystoneclient')
    conf([], project='heat', default_config_files=[], default_config_dirs=[])
    for name, value in _OPTIONS.items():
        conf.set_override(name, value)
    logging.setup(conf, 'bench')
    db_options.set_defaults(
        conf, connection=url.render_as_string(hide_password=False))
    messaging.setup('fake://')
