"""Ties this process to its parent: imported by the nursery, and by nothing else, before all that it preloads.

It would end by itself with the last of its pipe, which its workers hold too. One that hangs holds it for ever, and was
left behind with it where the kernel or a person had killed the service.
"""

import gc

from catalog.sandbox import die_with_parent

die_with_parent()
gc.disable()  # what is preloaded stays; a worker collects its own
