# SPDX-License-Identifier: Apache-2.0

"""Reasons that only an edited database causes; each remedy is followed."""

import sqlalchemy

from heat.common import exception
from heat.db import models
from heat.tests.functional.remedies import case


class EditedTest(case.RemedyTestCase):
    """EDITED in test_table says why no engine can."""

    def write(self, statement):
        with self.database.engine.begin() as connection:
            connection.execute(statement)

    def change(self, model, condition, **values):
        self.write(sqlalchemy.update(model).where(condition).values(**values))

    def test_resource_of_an_engine(self):
        identity = self.create(case.template(a={}))
        self.change(models.Resource, models.Resource.name == 'a',
                    engine_id='dead')
        self.assertConverts(identity)
        self.assertEqual({None}, {row['engine_id'] for row in
                                  self.database.rows(models.Resource)})

    def test_damaged_template(self):
        identity = self.create(case.template(a={}))
        stored, = self.database.rows(
            models.RawTemplate, id=self.row(identity)['raw_template_id'])
        self.store(stored, dict(stored['template'], heat_template_version='?'))
        self.assertIn('backup', self.refused(identity, 'invalid_template'))
        # This is no remedy.
        self.assertRaises(exception.HeatException, self.update, identity,
                          case.template(a={}))
        self.store(stored, stored['template'])
        self.assertConverts(identity)

    def test_lost_template(self):
        identity = self.create(case.template(a={}))
        stored, = self.database.rows(
            models.RawTemplate, id=self.row(identity)['raw_template_id'])
        # As a backup that is restored in part may leave it.
        with self.foreign_keys.off():
            self.write(sqlalchemy.delete(models.RawTemplate).where(
                models.RawTemplate.id == stored['id']))
        self.assertIn('backup', self.refused(identity, 'invalid_template'))
        self.write(sqlalchemy.insert(models.RawTemplate).values(stored))
        self.assertConverts(identity)

    def store(self, stored, template):
        self.change(models.RawTemplate, models.RawTemplate.id == stored['id'],
                    template=template)
