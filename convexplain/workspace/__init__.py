"""Every use case once; the only place where rubrics, judges, models, readers and the store are put together."""
