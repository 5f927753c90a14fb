"""One YAML file per maxim, the JSON Schema that they obey, and the loader."""

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
