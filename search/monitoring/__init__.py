"""What operators see of the search: checks, gauges, the state of the index."""
