# SPDX-License-Identifier: Apache-2.0

"""The counts of convergence-status as metrics for Prometheus.

The text is what the textfile collector of node_exporter reads.
"""

import prometheus_client

ENGINE = 'engine'


def text(tallies):
    """The metrics of some heat.db.migrate.counts.Tally, as text."""
    registry = prometheus_client.CollectorRegistry()
    roots = prometheus_client.Gauge(
        'heat_root_stacks', 'Root stacks, by the state of their tree.',
        ('project', 'state'), registry=registry)
    nested = prometheus_client.Gauge(
        'heat_nested_stacks', 'Nested stacks, by the state of their tree and '
        'the engine that runs them.', ('project', 'state', ENGINE),
        registry=registry)
    for tally in tallies:
        labels = tally.project or '', tally.state
        # No project and an empty one have the same label.
        roots.labels(*labels).inc(tally.roots)
        nested.labels(*labels, 'legacy').inc(tally.nested_legacy)
        nested.labels(*labels, 'convergence').inc(tally.nested_convergence)
    return prometheus_client.generate_latest(registry).decode()


def failed(found):
    """The metrics of convergence_status.count_with_failed, as text."""
    registry = prometheus_client.CollectorRegistry()
    roots = prometheus_client.Gauge(
        'heat_failed_root_stacks', 'Root stacks that are not COMPLETE, by '
        'what --failed would do.', ('project', 'with_failed'),
        registry=registry)
    for (project, state), count in found.items():
        roots.labels(project or '', state).inc(count)
    return prometheus_client.generate_latest(registry).decode()
