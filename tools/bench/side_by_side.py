# SPDX-License-Identifier: Apache-2.0

"""Run the converter, Heat's own algorithm and Heat's load in turn."""

import statistics

import sqlalchemy

from heat.common.migrate import memory as migrate_memory
from heat.db import models
from tools.bench import counting
from tools.bench import deployment
from tools.bench import reach
from tools.bench import shapes
from tools.bench import stacks
from tools.bench import subjects

SUBJECTS = {'convert': subjects.convert, 'heat': subjects.heats_own,
            'load': subjects.load}


class Disagreement(Exception):
    """The converter and Heat's algorithm have not written the same."""


def run(url, name, rounds, added_ms=0):
    """Measure one stack tree on one database, in the calling process.

    :param url: SQLAlchemy URL of a database with Heat's schema
    :param name: of the tree, see tools.bench.shapes
    :param rounds: how often each subject runs, after one unmeasured round
    :param added_ms: milliseconds that each round trip takes longer
    :returns: the result, a dict
    """
    with reach.reach(url, added_ms) as (near_url, trips):
        site = deployment.Deployment(near_url)
        return _measure(site, counting.Meter(site.engine, trips), name,
                        rounds)


def _measure(site, meter, name, rounds):
    root = shapes.SHAPES[name]()
    writer = stacks.Writer(site.engine, site.creds_id, deployment.TENANT)
    writer.write([root])
    _compare(site, writer, root)
    # As an engine that has started.
    migrate_memory.settle()
    costs = {subject: [] for subject in SUBJECTS}
    for number in range(rounds):
        for subject in _in_turn(number):
            writer.reset()
            context = site.context()
            with meter.measure() as cost:
                SUBJECTS[subject](context, root.id)
            costs[subject].append(cost)
    return _result(name, root, costs)


def _in_turn(number):
    """The subjects, beginning with another one each time."""
    names = list(SUBJECTS)
    start = number % len(names)
    return names[start:] + names[:start]


def _compare(site, writer, root):
    """Run the subjects once, unmeasured, and compare what two of them do.

    :raises Disagreement: when they have written different dependencies
    """
    written = []
    for subject in (subjects.convert, subjects.heats_own):
        writer.reset()
        subject(site.context(), root.id)
        with site.engine.connect() as connection:
            written.append(connection.execute(sqlalchemy.select(
                models.Resource.id, models.Resource.requires,
                models.Resource.current_template_id).order_by(
                    models.Resource.id)).all())
    if written[0] != written[1]:
        raise Disagreement(root.size)
    subjects.load(site.context(), root.id)


def _result(name, root, costs):
    result = {'shape': name, 'stacks': root.stacks, 'resources': root.size,
              'rows': root.stacks + root.size, 'rounds': len(costs['convert'])}
    for subject, measured in costs.items():
        result[subject] = summary(measured)
    # Each pair ran within the same few seconds on the same machine.
    result['heat to convert'] = ratio(costs['heat'], costs['convert'])
    result['convert to load'] = ratio(costs['convert'], costs['load'])
    return result


def summary(costs):
    """Sum measured Costs of the same thing up, for the results."""
    return {'statements': costs[-1].statements, 'trips': costs[-1].trips,
            'seconds': spread([cost.seconds for cost in costs])}


def ratio(these, those):
    """How many times longer these took than those, pair by pair."""
    return spread([this.seconds / that.seconds
                   for this, that in zip(these, those)])


def spread(values):
    return {'median': statistics.median(values), 'min': min(values),
            'max': max(values)}
