"""Amazon Bedrock's log of model invocations."""

from convexplain.connectors.logs.engine.described_calls import DescribedCalls

BEDROCK_INVOCATIONS = DescribedCalls(
    "bedrock-invocations",
    "Amazon Bedrock's log of model invocations (Converse, InvokeModel), an invocation a record.",
    '{"schemaType": "ModelInvocationLog", "requestId": "r1", "input": {"inputBodyJson": {"messages": [{"role": "user", '
    '"content": [{"text": "Hi"}]}]}}, "output": {"outputBodyJson": {"output": {"message": {"role": "assistant", '
    '"content": [{"text": "Hello"}]}}}}}',
    keys=("schemaType=ModelInvocationLog",),
    inputs="input.inputBodyJson.inputText|input.inputBodyJson",
    outputs="output.outputBodyJson.results[0].outputText|output.outputBodyJson",
    id="requestId",
    thread="requestMetadata.sessionId|requestMetadata.session_id",
    began="timestamp",
    tools="input.inputBodyJson.toolConfig.tools|input.inputBodyJson.tools",
    error="errorCode",
    metadata=("modelId", "operation", "requestMetadata"),
).log_format()
