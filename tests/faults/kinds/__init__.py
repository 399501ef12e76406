"""Every kind of fault registers itself in harness.FAULTS when its module is imported."""
from kinds import broker, database, messages, network, processes  # noqa: F401
