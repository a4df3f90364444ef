# SPDX-License-Identifier: Apache-2.0

"""Write the files that Heat's processes read."""

import configparser
import json
import os
import sys

from heat import policies

_KEYSTONE = ('heat.engine.clients.os.keystone.fake_keystoneclient.'
             'FakeKeystoneClient')

#: Every request is accepted: the noauth pipeline of Heat's own paste file.
DEFAULTS = {
    'num_engine_workers': 1,
    'keystone_backend': _KEYSTONE,
    'deferred_auth_method': 'password',
    'auth_encryption_key': '0123456789abcdef0123456789abcdef',
    # No log lines for each resource type and for each request: the tests poll
    # with many requests.
    'default_log_levels': 'amqp=WARN,stevedore=WARN,heat.common.wsgi=WARN,'
                          'heat.engine.environment=ERROR',
    'database': {'sqlite_synchronous': False},
    'paste_deploy': {'flavor': 'noauth'},
}


def _paste():
    name = os.path.join('etc', 'heat', 'api-paste.ini')
    for prefix in (sys.prefix, os.sep):
        path = os.path.join(prefix, name)
        if os.path.exists(path):
            break
    else:
        raise FileNotFoundError('%s is not in %s' % (name, sys.prefix))
    with open(path) as source:
        return with_auth_url(source.read())


def with_auth_url(paste):
    """Change Heat's paste file so that our Keystone is stored with stacks.

    The noauth filter sets an invalid Keystone URL. Heat's authurl filter
    replaces it with the one of heat.conf.
    """
    return paste.replace('noauth context', 'noauth authurl context')


def policy():
    """Return the rules of the project's users."""
    # The noauth filter gives the role "admin" in any project, and Heat's
    # defaults require "member" and "reader". Nobody is the admin of the whole
    # cloud, so a project sees only its own stacks.
    rules = {rule.name: '' for rule in policies.list_rules()
             if getattr(rule, 'operations', None)}
    rules['context_is_admin'] = '!'
    return rules


def write(path, conf):
    """Write a configuration file.

    :param conf: options of ``[DEFAULT]``; a dict stands for a group.
    """
    parser = configparser.RawConfigParser()
    for name, value in conf.items():
        if isinstance(value, dict):
            parser[name] = value
        else:
            parser['DEFAULT'][name] = str(value)
    with open(path, 'w') as target:
        parser.write(target)


def merged(conf, changes):
    """Return ``conf`` with ``changes``; groups are merged."""
    result = dict(conf)
    for name, value in changes.items():
        if isinstance(value, dict):
            value = dict(result.get(name, {}), **value)
        result[name] = value
    return result


def create(folder, conf):
    """Write all files that Heat reads into ``folder``.

    :param conf: what to add to ``DEFAULTS``; see ``write``.
    :returns: the path of heat.conf.
    """
    policy_file = os.path.join(folder, 'policy.yaml')
    with open(policy_file, 'w') as target:
        json.dump(policy(), target)
    paste_file = os.path.join(folder, 'api-paste.ini')
    with open(paste_file, 'w') as target:
        target.write(_paste())
    path = os.path.join(folder, 'heat.conf')
    write(path, merged(merged(DEFAULTS, {
        'paste_deploy': {'api_paste_config': paste_file},
        'oslo_policy': {'policy_file': policy_file}}), conf))
    return path
