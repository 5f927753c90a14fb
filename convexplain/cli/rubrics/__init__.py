"""List the maxims, show one, check a rubric file of your own."""
