"""Weave's calls (Weights & Biases)."""

from convexplain.connectors.logs.engine.described_calls import DescribedCalls

WEAVE = DescribedCalls(
    "weave",
    "Weave's calls (Weights & Biases); a conversation a thread, else one a trace.",
    '{"id": "w1", "op_name": "weave:///e/p/op/openai.chat.completions.create:1", "trace_id": "t1", "inputs": '
    '{"messages": [{"role": "user", "content": "Hi"}]}, "output": {"choices": [{"message": {"role": "assistant", '
    '"content": "Hello"}}]}}',
    keys=("op_name", "inputs"),
    inputs="inputs",
    outputs="output",
    parent="parent_id",
    trace="trace_id",
    thread="thread_id",
    began="started_at",
    ended="ended_at",
    model="inputs.model",
    tools="inputs.tools",
    error="exception",
    metadata=("display_name", "attributes", "wb_user_id"),
    decoded=("inputs", "output"),
).log_format()
