"""Find the failure modes of a run: groups of flagged turns that fail in one way.

\b
    convexplain themes                  the themes of the newest run; finds them where nobody has yet
    convexplain themes 3 --explain 8    with their common causes: explains 8 turns of each
    convexplain themes rename 7 'asks again for the order number'
    convexplain themes rubric 7 --out order_number.yaml

A RUN is a number or a name; a THEME is the number before its name."""
