"""OpenAI's preference format, which Together and Fireworks read too."""

from convexplain.connectors.logs.engine.described_answers import Answer, DescribedAnswers

_ABOUT = {"tools": "input.tools", "parallel_tool_calls": "input.parallel_tool_calls"}
OPENAI_PREFERENCE = DescribedAnswers(
    "openai-preference",
    "OpenAI's data for preference fine-tuning: an input with a preferred and another output, a pair.",
    '{"input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_output": [{"role": "assistant", '
    '"content": "Hello"}], "non_preferred_output": [{"role": "assistant", "content": "What?"}]}',
    keys=("input", "preferred_output|non_preferred_output"),
    prompt=("input.messages",),
    answers=(
        Answer("preferred_output", "-preferred", about=_ABOUT, preferred=True),
        Answer("non_preferred_output", "-non-preferred", about=_ABOUT, preferred=False),
    ),
    precedence=1,
).log_format()
