"""Rubrics: one YAML file for each maxim, the JSON Schema that the files obey, and the loader."""

from .loader import HEADLINE, RubricProblem, load_rubric, parse_rubric, rubric_ids, rubric_problems, rubric_text, schema

__all__ = [
    "HEADLINE",
    "RubricProblem",
    "load_rubric",
    "parse_rubric",
    "rubric_ids",
    "rubric_problems",
    "rubric_text",
    "schema",
]
