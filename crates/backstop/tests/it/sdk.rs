//! Conversations by the real SDKs of OpenAI and Anthropic over plain HTTP: they pass to the host
//! that they are for, however long they grow, and to no other.

use crate::scene::{self, BINARY};
use backstop_testkit::{Answer, Backstop, Session, Setup, Upstream, World, world};
use serde_json::{Value, json};

const MODEL: &str = "model.example";
const OTHER: &str = "other.example";
/// As no provider writes them.
const KEY: &str = "mk-7Yq2LwX9vR4tB8nZ3kD6";
const SCRIPT: &str = include_str!("sdk/conversation.py");

fn policy() -> String {
    let fields = "/messages/*/content/*/source/data, /messages/*/content/*/signature, /messages/*/content/*/image_url/url, /input/*/encrypted_content";
    scene::policy_with(
        &[
            &format!(
                "{{ host: model.example, ports: [80], protocol: HTTP, credential: {{ env: MODEL_KEY }}, recipient: {{ encodedFields: [{fields}] }} }}"
            ),
            "{ host: other.example, ports: [80], protocol: HTTP }",
        ],
        &[
            "{ host: model.example, ports: [80], protocol: HTTP }",
            "{ host: other.example, ports: [80], protocol: HTTP }",
        ],
    )
}

fn reply(kind: &str, body: String) -> Answer {
    let headers = vec![("content-type".to_owned(), kind.to_owned())];
    Answer::Reply { status: 200, headers, body: body.into_bytes() }
}

fn events(list: &[Value]) -> Answer {
    let one = |event: &Value| match event["type"].as_str() {
        Some(name) => format!("event: {name}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    };
    let end = if list[0]["object"].is_string() { "data: [DONE]\n\n" } else { "" };
    reply("text/event-stream", list.iter().map(one).collect::<String>() + end)
}

/// A model that says "Calm." in each of the SDKs' dialects.
fn speak(upstream: &Upstream) {
    let usage = json!({ "input_tokens": 1, "output_tokens": 1 });
    let message = |content: Value, stop: Value| {
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": content,
            "stop_reason": stop, "stop_sequence": null, "usage": usage,
        })
    };
    let said = json!([{ "type": "text", "text": "Calm." }]);
    upstream.answer(
        "/plain/v1/messages",
        reply("application/json", message(said, json!("end_turn")).to_string()),
    );
    upstream.answer(
        "/stream/v1/messages",
        events(&[
            json!({ "type": "message_start", "message": message(json!([]), Value::Null) }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Calm." } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": { "output_tokens": 1 } }),
            json!({ "type": "message_stop" }),
        ]),
    );
    let choice = json!({ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Calm." } });
    let completion = json!({ "id": "c-1", "object": "chat.completion", "created": 1, "model": "m-1", "choices": [choice] });
    upstream.answer("/plain/chat/completions", reply("application/json", completion.to_string()));
    let chunk = |delta: Value, end: Value| {
        json!({ "id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": end }] })
    };
    upstream.answer(
        "/stream/chat/completions",
        events(&[
            chunk(json!({ "role": "assistant", "content": "Ca" }), Value::Null),
            chunk(json!({ "content": "lm." }), Value::Null),
            chunk(json!({}), json!("stop")),
        ]),
    );
    let response = json!({
        "id": "r-1", "object": "response", "created_at": 1, "model": "m-1", "status": "completed",
        "output": [], "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
    });
    upstream.answer("/plain/responses", reply("application/json", response.to_string()));
}

struct Stage<'w> {
    world: &'w World,
    upstream: Upstream,
    gateway: Backstop,
    session: Session,
}

impl<'w> Stage<'w> {
    fn new(world: &'w World) -> Self {
        let upstream = Upstream::http(world);
        speak(&upstream);
        for name in [MODEL, OTHER] {
            world.host(name, upstream.ip());
        }
        let mut setup = Setup::new(world, BINARY, &policy());
        setup.environment.push(("MODEL_KEY".into(), KEY.into()));
        let gateway = Backstop::start(world, setup);
        let session = scene::session(&gateway);
        Self { world, upstream, gateway, session }
    }

    /// What the SDK's script printed, line by line.
    #[track_caller]
    fn converse(&self, sdk: &str, host: &str, key: &str, turns: usize) -> Vec<Value> {
        let script = self.world.path().join("conversation.py");
        std::fs::write(&script, SCRIPT).unwrap();
        let mut command = self.world.command("python3");
        command.arg(&script).arg(sdk).arg(format!("http://{host}")).arg(turns.to_string());
        command.env("http_proxy", self.session.proxy_url(self.gateway.proxy()));
        command.env("MODEL_KEY", key);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(!lines.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        if lines.iter().all(|line| line["status"].is_null()) {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        lines
    }

    /// All turns pass, and the last message was large.
    #[track_caller]
    fn passes(&self, sdk: &str, turns: usize) {
        let lines = self.converse(sdk, MODEL, KEY, turns);
        let refused = lines.iter().find(|line| !line["status"].is_null());
        assert_eq!(refused, None);
        assert!(lines.len() >= turns, "{lines:?}");
        let last = lines.last().unwrap()["bytes"].as_u64().unwrap();
        assert!(last > 300_000, "{last}");
    }

    #[track_caller]
    fn refused(&self, control: &str, sdk: &str, host: &str, key: &str) {
        let before = self.upstream.requests();
        let lines = self.converse(sdk, host, key, 1);
        let line = lines.last().unwrap();
        let problem: Value =
            serde_json::from_str(line["problem"].as_str().unwrap_or_default()).unwrap_or_default();
        assert_eq!(
            (&line["status"], &problem["control"]),
            (&json!(403), &json!(control)),
            "{line}"
        );
        assert_eq!(self.upstream.requests(), before, "nothing of it left");
    }
}

fn needs(world: &World) {
    let proof = ["-c", "import openai, anthropic"];
    let works = world.command("python3").args(proof).output().is_ok_and(|o| o.status.success());
    assert!(works, "no SDKs (tools: {:?}): run `cargo xtask setup`", world::tools());
}

#[test]
fn a_long_conversation_by_the_anthropic_sdk_passes_to_its_host_alone() {
    World::run(|world| {
        needs(world);
        let stage = Stage::new(world);
        stage.passes("anthropic", 30);
        // The key goes nowhere else, nor does anybody else's.
        stage.refused("dlp.credential", "anthropic", OTHER, KEY);
        // Nor do pictures, where no field is declared for them.
        stage.refused("dlp.encoded", "anthropic", OTHER, "none");
    });
}

#[test]
fn a_long_conversation_by_the_openai_sdk_passes_to_its_host_alone() {
    World::run(|world| {
        needs(world);
        let stage = Stage::new(world);
        stage.passes("openai", 30);
        stage.refused("dlp.credential", "openai", OTHER, KEY);
        stage.refused("dlp.encoded", "openai", OTHER, "none");
    });
}
