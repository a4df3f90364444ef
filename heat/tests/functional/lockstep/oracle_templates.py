# SPDX-License-Identifier: Apache-2.0

"""Templates with every kind of dependency, of resources that need no cloud.

Each has a ``template`` and may have ``files`` and ``params``.
"""

FLAT = {'template': """
heat_template_version: 2018-08-31
resources:
  one: {type: OS::Heat::TestResource}
  two: {type: OS::Heat::RandomString}
  three: {type: OS::Heat::None}
"""}

EMPTY = {'template': """
heat_template_version: 2018-08-31
outputs:
  nothing: {value: really}
"""}

CHAIN = {'template': """
heat_template_version: 2018-08-31
resources:
  first: {type: OS::Heat::TestResource, properties: {value: start}}
  second:
    type: OS::Heat::TestResource
    properties: {value: {get_attr: [first, output]}}
  third:
    type: OS::Heat::Value
    properties:
      value:
        str_replace:
          template: I am name
          params: {name: {get_resource: second}}
  fourth:
    type: OS::Heat::None
    depends_on: third
    properties: {anything: {list_join: [',', [{get_resource: first}]]}}
outputs:
  third: {value: {get_attr: [third, value]}}
"""}

DIAMOND = {'template': """
heat_template_version: 2018-08-31
resources:
  bottom: {type: OS::Heat::RandomString}
  left: {type: OS::Heat::TestResource, depends_on: bottom}
  right: {type: OS::Heat::TestResource, depends_on: [bottom]}
  top: {type: OS::Heat::TestResource, depends_on: [left, right]}
  side:
    type: OS::Heat::Value
    properties: {value: {get_resource: bottom}}
"""}

GROUPED = {'template': """
heat_template_version: 2018-08-31
resources:
  before: {type: OS::Heat::TestResource, properties: {value: member}}
  group:
    type: OS::Heat::ResourceGroup
    properties:
      count: 3
      resource_def:
        type: OS::Heat::TestResource
        properties: {value: {get_attr: [before, output]}}
  scaled:
    type: OS::Heat::AutoScalingGroup
    properties:
      min_size: 1
      desired_capacity: 2
      max_size: 3
      resource: {type: OS::Heat::RandomString}
  grow:
    type: OS::Heat::ScalingPolicy
    properties:
      adjustment_type: change_in_capacity
      auto_scaling_group_id: {get_resource: scaled}
      scaling_adjustment: 1
  chained:
    type: OS::Heat::ResourceChain
    properties:
      resources: ['OS::Heat::RandomString', 'OS::Heat::RandomString']
  after: {type: OS::Heat::None, depends_on: [group, chained]}
"""}

NESTED = {
    'template': """
heat_template_version: 2018-08-31
resources:
  below: {type: level1.yaml, properties: {value: deep}}
  beside:
    type: OS::Heat::TestResource
    properties: {value: {get_attr: [below, value, 0]}}
""",
    'files': {
        'level1.yaml': """
heat_template_version: 2018-08-31
parameters: {value: {type: string}}
resources:
  below: {type: level2.yaml, properties: {value: {get_param: value}}}
  beside: {type: OS::Heat::RandomString, depends_on: below}
outputs: {value: {value: {get_attr: [below, value]}}}
""",
        'level2.yaml': """
heat_template_version: 2018-08-31
parameters: {value: {type: string}}
resources:
  below:
    type: OS::Heat::ResourceGroup
    properties:
      count: 2
      resource_def:
        type: level3.yaml
        properties: {value: {get_param: value}}
outputs: {value: {value: {get_attr: [below, value]}}}
""",
        'level3.yaml': """
heat_template_version: 2018-08-31
parameters: {value: {type: string}}
resources:
  leaf:
    type: OS::Heat::TestResource
    properties: {value: {get_param: value}}
  other: {type: OS::Heat::TestResource, depends_on: leaf}
outputs: {value: {value: {get_attr: [leaf, output]}}}
"""}}

CONDITIONAL = {
    'template': """
heat_template_version: 2018-08-31
parameters: {big: {type: boolean, default: true}}
conditions:
  is_big: {get_param: big}
  is_small: {not: is_big}
resources:
  always: {type: OS::Heat::TestResource}
  big: {type: OS::Heat::TestResource, condition: is_big}
  small: {type: OS::Heat::TestResource, condition: is_small}
  either:
    type: OS::Heat::TestResource
    depends_on: [big, small]
    properties:
      value:
        if: [is_big, {get_attr: [always, output]}, {get_attr: [small, output]}]
""",
    'params': {'big': False}}

REPEATED = {'template': """
heat_template_version: 2018-08-31
resources:
  one: {type: OS::Heat::RandomString}
  two: {type: OS::Heat::RandomString}
  all:
    type: OS::Heat::Value
    properties:
      type: json
      value:
        map_merge:
          - list:
              repeat:
                for_each: {<%name%>: [a, b]}
                template: {<%name%>: {get_attr: [one, value]}}
          - {last: {yaql: {expression: $.data, data: {get_resource: two}}}}
"""}

POLICIES = {'template': """
heat_template_version: 2018-08-31
resources:
  kept: {type: OS::Heat::TestResource, deletion_policy: retain}
  gone:
    type: OS::Heat::TestResource
    deletion_policy: delete
    depends_on: kept
"""}

EXTERNAL = {'template': """
heat_template_version: 2018-08-31
resources:
  outside:
    type: OS::Heat::TestResource
    external_id: elsewhere
  inside:
    type: OS::Heat::Value
    properties: {value: {get_resource: outside}}
"""}

METADATA = {'template': """
heat_template_version: 2018-08-31
resources:
  named:
    type: OS::Heat::TestResource
    metadata: {of: {get_resource: other}, deep: [1, {two: 3}]}
  other: {type: OS::Heat::RandomString}
  waited: {type: OS::Heat::WaitConditionHandle}
"""}

CFN = {'template': """
AWSTemplateFormatVersion: '2010-09-09'
Parameters: {Big: {Type: String, Default: 'no'}}
Conditions: {IsBig: {'Fn::Equals': [{Ref: Big}, 'yes']}}
Resources:
  First: {Type: OS::Heat::TestResource}
  Second:
    Type: OS::Heat::TestResource
    DeletionPolicy: Retain
    Properties: {value: {'Fn::GetAtt': [First, output]}}
  Third:
    Type: OS::Heat::TestResource
    DependsOn: [First]
    Properties: {value: {'Fn::Join': ['-', [a, {Ref: Second}]]}}
  Absent: {Type: OS::Heat::TestResource, Condition: IsBig}
"""}

ALL = {name.lower(): value for name, value in sorted(globals().items())
       if name.isupper()}
