"""The audit's own reader of objects, by dulwich: it shares no code with the writer."""
