"""LiteLLM's logs of calls (`StandardLoggingPayload`), and rows of its proxy's spend logs."""

from convexplain.connectors.logs.engine.described_calls import DescribedCalls

LITELLM = DescribedCalls(
    "litellm",
    "LiteLLM's calls: standard logging payloads, and rows of its proxy's spend logs with messages.",
    '{"id": "l1", "call_type": "acompletion", "startTime": 1735689600.0, "messages": [{"role": "user", "content": '
    '"Hi"}], "response": {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}}',
    keys=("call_type|standard_logging_object.call_type", "messages|standard_logging_object.messages"),
    test=lambda record: not record.keys().isdisjoint(("startTime", "request_id", "id", "standard_logging_object")),
    calls="standard_logging_object|",
    inputs="proxy_server_request.messages|messages",
    outputs="response",
    id="id|request_id",
    trace="trace_id|id|request_id",
    thread="session_id|metadata.session_id|metadata.requester_metadata.session_id",
    began="startTime",
    ended="endTime",
    tools="model_parameters.tools|proxy_server_request.tools",
    error="error_str|error_information.error_message",
    metadata=("model", "model_group", "end_user", "request_tags"),
    decoded=("messages", "response", "metadata", "proxy_server_request", "standard_logging_object"),
    precedence=0,
).log_format()
