"""A conversation of thirty turns by the real SDKs, as their users write it: `openai|anthropic BASE`.

BASE answers below `/plain` at once and below `/stream` by server-sent events. Prints one JSON line
a turn, `{"turn", "bytes"}`, and where a call is refused `{"turn", "status", "problem"}` and stops.
"""

import base64
import hashlib
import json
import os
import sys

sdk, base, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
KEY = os.environ["MODEL_KEY"]


def noise(seed, size):
    """Bytes that read as nothing, the same in each run."""
    out = b""
    while len(out) < size:
        out += hashlib.sha256(f"{seed}-{len(out)}".encode()).digest()
    return out[:size]


PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + noise("picture", 6_000)).decode()
PAGE = "The harbour was calm, the boats lay still, and nobody spoke of the storm that had passed. "
TURN = PAGE * 22


def tell(turn, call, bytes):
    try:
        call()
    except Exception as fault:
        response = getattr(fault, "response", None)
        if response is None:
            raise
        print(json.dumps({"turn": turn, "status": response.status_code, "problem": response.text}))
        sys.exit(1)
    print(json.dumps({"turn": turn, "bytes": bytes}), flush=True)


def of_anthropic():
    import anthropic

    def client(way):
        return anthropic.Anthropic(api_key=KEY, base_url=f"{base}/{way}", max_retries=0)

    ways = {"plain": client("plain"), "stream": client("stream")}
    tools = [{"name": "forecast", "description": "The weather of a place.", "input_schema": {"type": "object", "properties": {"days": {"type": "integer"}}}}]
    messages = [
        {"role": "user", "content": PAGE * 2_700},
        {"role": "assistant", "content": "I have read it."},
    ]
    for turn in range(turns):
        content = [{"type": "text", "text": f"Part {turn}. {TURN}"}]
        if turn % 5 == 0:
            source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
            content.append({"type": "image", "source": source})
        messages.append({"role": "user", "content": content})
        messages.append({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "The sky is grey.", "signature": base64.b64encode(noise(f"signed {turn}", 300)).decode()},
            {"type": "tool_use", "id": f"toolu_{turn}", "name": "forecast", "input": {"days": 3}},
        ]})
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"toolu_{turn}", "content": "calm and clear"}]})
        size = len(json.dumps(messages))
        ask = dict(model="m-1", max_tokens=64, messages=messages, tools=tools)

        def call():
            if turn % 2:
                assert ways["plain"].messages.create(**ask).content[0].text == "Calm."
            else:
                with ways["stream"].messages.stream(**ask) as stream:
                    assert "".join(stream.text_stream) == "Calm."

        tell(turn, call, size)
        messages.append({"role": "assistant", "content": "Calm."})


def of_openai():
    import openai

    def client(way):
        return openai.OpenAI(api_key=KEY, base_url=f"{base}/{way}", max_retries=0)

    ways = {"plain": client("plain"), "stream": client("stream")}
    messages = [
        {"role": "user", "content": PAGE * 2_700},
        {"role": "assistant", "content": "I have read it."},
    ]
    for turn in range(turns):
        content = [{"type": "text", "text": f"Part {turn}. {TURN}"}]
        if turn % 5 == 0:
            content.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}})
        messages.append({"role": "user", "content": content})
        call_ = {"id": f"call_{turn}", "type": "function", "function": {"name": "forecast", "arguments": "{\"days\": 3}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call_]})
        messages.append({"role": "tool", "tool_call_id": f"call_{turn}", "content": "calm and clear"})
        size = len(json.dumps(messages))

        def call():
            if turn % 2:
                answer = ways["plain"].chat.completions.create(model="m-1", messages=messages)
                assert answer.choices[0].message.content == "Calm."
            else:
                pieces = ways["stream"].chat.completions.create(model="m-1", messages=messages, stream=True)
                assert "".join(p.choices[0].delta.content or "" for p in pieces if p.choices) == "Calm."

        tell(turn, call, size)
        # What reasoning models give back is opaque, and goes back as it came.
        def reasoned():
            blob = base64.b64encode(noise(f"reasoning {turn}", 600)).decode()
            ways["plain"].responses.create(model="m-1", store=False, input=[
                {"role": "user", "content": [{"type": "input_text", "text": f"Part {turn}"}]},
                {"type": "reasoning", "id": f"rs_{turn}", "summary": [], "encrypted_content": blob},
            ])
        if turn % 10 == 9:
            tell(turn, reasoned, size)
        messages.append({"role": "assistant", "content": "Calm."})


{"anthropic": of_anthropic, "openai": of_openai}[sdk]()
