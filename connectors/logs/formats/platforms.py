"""The formats of models' interfaces, of frameworks, of tracing and evaluation tools, and of assistants' exports."""

from convexplain.connectors.logs.engine import chat
from convexplain.connectors.logs.engine.form import Format

from . import (
    cases,
    chatgpt,
    claude,
    claude_code,
    inspect_logs,
    langchain,
    langfuse,
    langsmith,
    mlflow,
    model_messages,
    spans,
)

PLATFORMS: tuple[Format, ...] = (
    Format(
        "openai-responses",
        "Items of OpenAI's Responses API: lists of them, requests with `input` and `instructions`, whole responses.",
        '{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}], '
        '"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}]}',
        model_messages.is_responses,
        model_messages.responses_drafts,
        is_part=chat.is_item,
    ),
    Format(
        "anthropic",
        "Anthropic's messages: requests with `system` and parts of content (text, tool_use, tool_result, image, "
        "thinking), answers of its interface, and both together.",
        '{"messages": [{"role": "user", "content": "Hi"}], '
        '"response": {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello"}], '
        '"stop_reason": "end_turn"}}',
        model_messages.is_anthropic,
        model_messages.anthropic_drafts,
    ),
    Format(
        "langchain",
        "LangChain's dumps of messages (`messages_to_dict`, `dumpd`, `model_dump`), by themselves or in a state; read "
        "as JSON, nothing in them is loaded.",
        '[{"type": "human", "data": {"content": "Hi"}}, {"type": "ai", "data": {"content": "Hello"}}]',
        langchain.is_dump,
        langchain.drafts,
        is_part=chat.is_langchain,
    ),
    Format(
        "langsmith",
        "LangSmith's runs, from exports, tables or its clients; a conversation a thread (`session_id`, `thread_id` or "
        "`conversation_id` in the metadata), else one a trace.",
        '{"id": "r1", "run_type": "llm", "inputs": {"messages": [{"role": "user", "content": "Hi"}]}, '
        '"outputs": {"generations": [[{"text": "Hello"}]]}, "extra": {"metadata": {"thread_id": "t1"}}}',
        langsmith.is_langsmith,
        joined=langsmith.joined,
    ),
    Format(
        "langfuse",
        "Langfuse's traces, sessions and observations; a conversation a session, else one a trace.",
        '{"id": "o1", "traceId": "t1", "type": "GENERATION", "input": "[{\\"role\\": \\"user\\", '
        '\\"content\\": \\"Hi\\"}]", "output": "Hello"}',
        langfuse.is_langfuse,
        joined=langfuse.joined,
    ),
    Format(
        "otel",
        "Spans of OpenTelemetry (GenAI attributes and events) and of OpenInference (Phoenix): OTLP's JSON, single "
        "spans, span tables; a conversation a `gen_ai.conversation.id` or `session.id`, else one a trace.",
        '{"traceId": "a1", "spanId": "b1", "attributes": {"gen_ai.input.messages": [{"role": "user", "parts": '
        '[{"type": "text", "content": "Hi"}]}], "llm.output_messages.0.message.role": "assistant", '
        '"llm.output_messages.0.message.content": "Hello"}}',
        spans.is_record,
        joined=spans.joined,
    ),
    Format(
        "mlflow",
        "MLflow's traces (objects, or rows of a search) and cases of its evaluation data; a conversation a session, "
        "else one a trace.",
        '{"info": {"trace_id": "t1", "trace_metadata": {"mlflow.trace.session": "s1"}}, "data": {"spans": [{"span_id": '
        '"b1", "attributes": {"mlflow.spanInputs": "{\\"question\\": \\"Hi\\"}", '
        '"mlflow.spanOutputs": "\\"Hello\\""}}]}}',
        mlflow.is_mlflow,
        joined=mlflow.joined,
    ),
    Format(
        "deepeval",
        "DeepEval's test cases: conversational ones with `turns`, single ones with `input` and `actual_output`, and "
        "files of runs.",
        '{"scenario": "A greeting", "turns": [{"role": "user", "content": "Hi"}, '
        '{"role": "assistant", "content": "Hello"}]}',
        cases.is_deepeval,
        cases.deepeval_drafts,
    ),
    Format(
        "promptfoo",
        "promptfoo's results, and cases with a `_conversation`; a conversation a `conversationId`, else one a result.",
        '{"vars": {"_conversation": [{"input": "Hi", "output": "Hello"}]}}',
        cases.is_promptfoo,
        joined=cases.promptfoo_joined,
    ),
    Format(
        "inspect",
        "Inspect's evaluation logs, `.json` and `.eval`: a conversation a sample and epoch.",
        '{"id": 1, "epoch": 1, "target": "Hello", "messages": [{"role": "user", "content": "Hi"}, '
        '{"role": "assistant", "content": "Hello"}]}',
        inspect_logs.is_inspect,
        inspect_logs.drafts,
    ),
    # Of two that fit the later one counts, unless a name is given.
    Format(
        "chatgpt-branches",
        "The same as chatgpt, with every branch as a conversation of its own; only if it is named.",
        '{"title": "A greeting", "current_node": "b", "mapping": {"a": {"message": {"author": {"role": "user"}, '
        '"content": {"content_type": "text", "parts": ["Hi"]}}, "parent": null}, "b": {"message": {"author": {"role": '
        '"assistant"}, "content": {"content_type": "text", "parts": ["Hello"]}}, "parent": "a"}}}',
        chatgpt.is_chatgpt,
        chatgpt.branches,
    ),
    Format(
        "chatgpt",
        "ChatGPT's export (conversations.json, or the zip): of each tree the branch that was seen last.",
        '{"title": "A greeting", "current_node": "b", "mapping": {"a": {"message": {"author": {"role": "user"}, '
        '"content": {"content_type": "text", "parts": ["Hi"]}}, "parent": null}, "b": {"message": {"author": {"role": '
        '"assistant"}, "content": {"content_type": "text", "parts": ["Hello"]}}, "parent": "a"}}}',
        chatgpt.is_chatgpt,
        chatgpt.drafts,
    ),
    Format(
        "claude-branches",
        "The same as claude, with every branch as a conversation of its own; only if it is named.",
        '{"uuid": "c1", "chat_messages": [{"sender": "human", "text": "Hi"}, '
        '{"sender": "assistant", "text": "Hello"}]}',
        claude.is_claude,
        claude.branches,
    ),
    Format(
        "claude",
        "Claude's export (conversations.json, or the zip).",
        '{"uuid": "c1", "chat_messages": [{"sender": "human", "text": "Hi"}, '
        '{"sender": "assistant", "text": "Hello"}]}',
        claude.is_claude,
        claude.drafts,
    ),
    Format(
        "claude-code",
        "Claude Code's session files; sidechains are conversations of their own.",
        '{"type": "user", "sessionId": "s1", "uuid": "a", "message": {"role": "user", "content": "Hi"}}\n'
        '{"type": "assistant", "sessionId": "s1", "uuid": "b", "parentUuid": "a", "message": {"role": "assistant", '
        '"content": [{"type": "text", "text": "Hello"}]}}',
        claude_code.is_claude_code,
        joined=claude_code.joined,
    ),
)
