"""One YAML file per maxim, the JSON Schema that they obey, and the loader."""

from .loader import HEADLINE, load_rubric, parse_rubric, rubric_ids, schema

__all__ = ["HEADLINE", "load_rubric", "parse_rubric", "rubric_ids", "schema"]
