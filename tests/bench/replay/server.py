"""A server that speaks an engine's protocol and answers at once, for measuring what asking costs.

    python -m tests.bench.replay.server MODEL_FOLDER PORT

It reads and writes tokens as the model in the folder does, says a score of 7, and finds every token equally likely.
"""

import json
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from tasks.engines.completions import CHAT, COMPLETIONS, TOKENIZE
from tasks.engines.serving.weights import MODEL
from tasks.engines.tokenizing.tokens import Tokens

SAID = "It says what was asked for, in plain words, and leaves nothing out that matters. Score: 7"
LOG_PROB = -2.302585
LARGEST_BODY = 64 * 2**20


class Instant:
    def __init__(self, folder: Path):
        self.tokens, self.model, self.answered = Tokens.of(folder), "", 0
        choice = {"message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}
        reply = {"choices": [choice], "usage": {"prompt_tokens": 400, "completion_tokens": 20}}
        self._written = json.dumps(reply).encode()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY)
        app.add_routes(
            [
                web.get("/health", self.health),
                web.get(MODEL, self.which),
                web.put(MODEL, self.load),
                web.post(TOKENIZE, self.tokenize),
                web.post(CHAT, self.chat),
                web.post(COMPLETIONS, self.complete),
            ]
        )
        return app

    async def health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def which(self, _: web.Request) -> web.Response:
        return web.json_response({"model": self.model, "dtype": "float32"})

    async def load(self, request: web.Request) -> web.Response:
        self.model = (await request.json())["digest"]
        return await self.which(request)

    async def tokenize(self, request: web.Request) -> web.Response:
        asked = await request.json()
        closed = not asked.get("continue_final_message", False)
        return web.json_response({"tokens": self.tokens.ids(tuple(asked["messages"]), closed)})

    async def chat(self, request: web.Request) -> web.Response:
        """What is asked is read to its end and not looked at."""
        await request.read()
        return web.Response(body=self._written, content_type="application/json")

    async def complete(self, request: web.Request) -> web.Response:
        prompt: Any = (await request.json())["prompt"]
        ids = prompt if isinstance(prompt, list) else [0, 1, 2]
        log_probs = [None, *({str(one): {"logprob": LOG_PROB, "rank": 1, "decoded_token": "a"}} for one in ids[1:])]
        return web.json_response({"choices": [{"prompt_logprobs": log_probs}], "usage": {"prompt_tokens": len(ids)}})


if __name__ == "__main__":
    web.run_app(Instant(Path(sys.argv[1])).app(), host="127.0.0.1", port=int(sys.argv[2]), access_log=None, print=None)
