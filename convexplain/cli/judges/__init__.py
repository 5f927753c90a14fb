"""List judges, check that one answers, validate, calibrate, train."""
