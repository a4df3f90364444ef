# SPDX-License-Identifier: Apache-2.0

"""A Heat in this process, on the database to measure."""

from oslo_config import cfg
from oslo_db import options as db_options
from oslo_log import log as logging

from heat.common import config  # noqa: F401 registers Heat's options
from heat.common import context
from heat.common import messaging
from heat.db import api as db_api
from heat.objects import user_creds
from heat.tests.functional.harness import configuration

TENANT = 'bench'


class Deployment(object):
    """Heat's configuration for one database, and its stored credentials.

    :param url: SQLAlchemy URL of a database with Heat's schema
    """

    def __init__(self, url):
        conf = cfg.CONF
        logging.register_options(conf)
        conf.import_opt('keystone_backend',
                        'heat.engine.clients.os.keystone.'
                        'heat_keystoneclient')
        conf([], project='heat', default_config_files=[],
             default_config_dirs=[])
        conf.set_override('default_log_levels', ['heat=CRITICAL'])
        logging.setup(conf, 'bench')
        db_options.set_defaults(conf, connection=url)
        # What the stored credentials are encrypted with.
        conf.set_override('auth_encryption_key',
                          configuration.DEFAULTS['auth_encryption_key'])
        conf.set_override('deferred_auth_method', 'password')
        conf.set_override('keystone_backend', 'heat.engine.clients.os.'
                          'keystone.fake_keystoneclient.FakeKeystoneClient')
        messaging.setup('fake://')
        self.engine = db_api.get_engine()
        self.creds_id = user_creds.UserCreds.create(self.context()).id

    @staticmethod
    def context():
        """A new request context, which shares nothing with another."""
        return context.RequestContext.from_dict({
            'tenant_id': TENANT, 'tenant': TENANT, 'username': 'bench',
            'user_id': 'bench', 'password': 'bench', 'roles': ['admin'],
            'is_admin': False, 'auth_token': 'bench',
            'auth_url': 'http://127.0.0.1:5000/v3'})
