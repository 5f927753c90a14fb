"""A small real HTTP server that answers like an OpenAI-compatible one, well or badly. Loopback only."""

import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def completion(probability, label="yes"):
    """A reply whose label has that probability, the other label the rest."""
    tokens = ['{"', "label", '":', ' "', label, '"}']
    content = [{"token": t, "logprob": 0.0, "top_logprobs": [{"token": t, "logprob": 0.0}]} for t in tokens]
    content[4]["top_logprobs"] = [
        {"token": "yes", "logprob": math.log(probability)},
        {"token": "no", "logprob": math.log(1 - probability)},
    ]
    return {
        "choices": [
            {"message": {"content": "".join(tokens)}, "logprobs": {"content": content}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 6},
    }


REASON = {
    "choices": [
        {
            "message": {"content": '{"label": "no", "explanation": "It is \'bad\'."}'},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 100, "completion_tokens": 9},
}


def told(tokens):
    """Prompt tokens as vLLM tells them; the first one has no log-probability."""
    return [
        None if logprob is None else {str(1000 + i): {"logprob": logprob, "rank": 1, "decoded_token": text}}
        for i, (text, logprob) in enumerate(tokens)
    ]


def uncounted_reply(stub, prompt):
    """The reply to a prompt that is not counted: the probe of an endpoint, or a request for a reason."""
    if prompt.startswith("Is the sky blue? Answer with JSON"):
        return completion(0.9)
    if 'First copy, as "quote"' in prompt.rpartition("\n")[2]:
        stub.reasons.append(prompt)
        return REASON
    return None


class StubServer:
    """Answers every prompt; a prompt whose judged turn holds "bad" gets a low score.

    Attributes:
        prompts: every prompt that was asked, in order, but those for reasons.
        reasons: every prompt that asked for a reason in words, in order.
        keys: the Authorization header of every request, or None.
        bodies: what was posted, in order.
        at_once: how many prompts were being answered at once at most.
        seconds: how long an answer takes.
        probability: from a prompt to the probability of "yes".
        by_model: from a model's name to what stands in for `probability` where that model is asked.
        tokens: from the messages to the prompt's tokens as (text, log-probability) pairs, for a server that tells them.
        misbehave: called with the prompt's number (from 1); may return (status, headers, body) to send instead, or
            "hang" or "close".
    """

    def __init__(self):
        self.prompts = []
        self.reasons = []
        self.keys = []
        self.bodies = []
        self.at_once = 0
        self.seconds = 0.0
        self.probability = lambda prompt: 0.1 if "bad" in prompt.rsplit("\nassistant: ", 1)[-1] else 0.9
        self.by_model = {}
        self.tokens = None
        self.misbehave = lambda number: None
        self._lock = threading.Lock()
        self._open = 0
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are sent apart: the body would wait 40 ms for an ACK

            def log_message(self, *args):
                pass

            def do_GET(self):
                stub.keys.append(self.headers["Authorization"])
                self.answer(200, {}, json.dumps({"data": [{"id": "stub"}]}))

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                prompt = body["messages"][0]["content"]
                if reply := uncounted_reply(stub, prompt):
                    self.answer(200, {}, json.dumps(reply))
                    return
                with stub._lock:
                    stub.prompts.append(prompt)
                    stub.keys.append(self.headers["Authorization"])
                    stub.bodies.append(body)
                    number = len(stub.prompts)
                    stub._open += 1
                    stub.at_once = max(stub.at_once, stub._open)
                time.sleep(stub.seconds)
                with stub._lock:
                    stub._open -= 1
                wrong = stub.misbehave(number)
                if wrong == "hang":
                    time.sleep(3)
                    wrong = "close"
                if wrong == "close":
                    self.close_connection = True
                    return
                reply = completion(stub.by_model.get(body["model"], stub.probability)(prompt))
                if (most := body.get("max_tokens", 6)) < 6:
                    reply["choices"][0] |= {"message": {"content": '{"label'}, "finish_reason": "length"}
                    reply["usage"]["completion_tokens"] = most
                if stub.tokens and "prompt_logprobs" in body:
                    reply["prompt_logprobs"] = told(stub.tokens(body["messages"]))
                self.answer(*(wrong or (200, {}, json.dumps(reply))))

            def answer(self, status, headers, text):
                data = text.encode()
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(data)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client was killed, as some tests mean it to be

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()  # `close` waits so long

    def close(self):
        self._server.shutdown()
        self._server.server_close()
