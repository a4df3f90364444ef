# SPDX-License-Identifier: Apache-2.0

from heat import overlay

overlay.extend(__name__)
