"""Amazon Bedrock's batch inference: requests (`modelInput`) and results (`modelOutput`)."""

from convexplain.connectors.logs.engine.joins import JoinedFormat

BEDROCK_BATCH = JoinedFormat(
    "bedrock-batch",
    "Amazon Bedrock's batch inference: `modelInput` and `modelOutput`, in one record or joined by `recordId`.",
    '{"recordId": "r1", "modelInput": {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}, "modelOutput": '
    '{"output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}}}}',
    id="recordId",
    request="modelInput.inputText|modelInput",
    result="modelOutput.results[0].outputText|modelOutput",
    error="error.errorMessage|error",
    keys=("modelInput|modelOutput|error.errorMessage", "recordId|modelInput"),
    tools="modelInput.toolConfig.tools|modelInput.tools",
).log_format()
