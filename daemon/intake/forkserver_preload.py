"""Set the parent-death signal of the forkserver. Only the forkserver imports this module, before all others.

The forkserver ends when the last writer closes its pipe, but its workers hold that pipe too. After a SIGKILL of the
service, one worker that hangs would keep both alive for ever.
"""

import gc

from catalog.sandbox import die_with_parent

die_with_parent()
gc.disable()  # preloaded modules are never freed; a worker enables its own collector
