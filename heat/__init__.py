# SPDX-License-Identifier: Apache-2.0

from heat import overlay

overlay.put_in_front()
