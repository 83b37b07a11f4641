"""The console's view of events. Importing a module registers its pages."""

from events.admin import deliveries, outbox_events

__all__ = ["deliveries", "outbox_events"]
