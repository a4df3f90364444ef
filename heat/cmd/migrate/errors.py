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

"""What keeps a command from beginning, and errors in one line."""


class CommandError(Exception):
    """The command cannot begin or go on; the text is the line to print."""


def one_line(error):
    """An error as one line, or its type when it has nothing to say.

    Of an error of the database, what the driver has said: those that wrap it
    add the statement, with the values in it.
    """
    while (inner := getattr(error, 'inner_exception', None) or
           getattr(error, 'orig', None)) is not None:
        error = inner
    return ' '.join(str(error).split()) or type(error).__name__
