"""Where a run is computed."""
