"""Named points at which a crash test kills the process: the same mechanism as below, for the service."""

from catalog.points import point as point
