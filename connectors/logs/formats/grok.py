"""Grok's export of all conversations: responses that name the one that they answer."""

from convexplain.connectors.logs.engine.described import DescribedFormat, TreeLinks

_DESCRIBED = DescribedFormat(
    "grok",
    "Grok's export (prod-grok-backend.json): of each conversation the branch that was seen last.",
    '{"conversations": [{"conversation": {"conversation_id": "c1", "title": "A greeting"}, "responses": [{"response": '
    '{"response_id": "a", "message": "Hi", "sender": "human", "parent_response_id": null}}, {"response": '
    '{"response_id": "b", "message": "Hello", "sender": "ASSISTANT", "parent_response_id": "a"}}]}]}',
    keys=(
        "conversations[*].responses[*].response.sender|conversations[*].responses[*].sender"
        "|responses[*].response.sender",
    ),
    conversations="conversations[*]|",
    turns="responses[*].response|responses[*]",
    role="sender",
    content="message",
    reasoning="thinking_trace",
    attachments="file_attachments[*]|image_attachments[*]",
    at="create_time.$date.$numberLong|create_time|createTime",
    tree=TreeLinks(
        "response_id|_id|responseId",
        "parent_response_id|parentResponseId",
        current="conversation.leaf_response_id|leaf_response_id",
    ),
    id="conversation.conversation_id|conversation.id|conversation_id|conversationId|id",
    unused=("steps", "create_time", "thinking_trace"),
)
GROK = _DESCRIBED.log_format()
GROK_BRANCHES = _DESCRIBED.branches_format()
