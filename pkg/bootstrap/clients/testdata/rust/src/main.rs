//! The witness on AWS's own client for Rust: what an event is answered with is the same in all languages (clients_test.go).

use bytes::Bytes;
use lambda_runtime::{service_fn, Error, FunctionResponse, LambdaEvent, MetadataPrelude, StreamResponse};
use serde_json::{json, Value};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio_stream::{Stream, StreamExt};

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;
type Answer = Result<FunctionResponse<Value, Chunks>, Error>;

static COUNT: AtomicU64 = AtomicU64::new(0); // the state that a warm environment keeps

#[derive(Debug)]
struct WitnessError(String);

impl std::fmt::Display for WitnessError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WitnessError {}

/// What the client made of the headers and the environment.
fn tell(context: &lambda_runtime::Context) -> Value {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let client = context.client_context.as_ref();
    json!({
        "requestId": context.request_id,
        "arn": context.invoked_function_arn,
        "tenant": context.tenant_id,
        "client": client.map(|c| &c.client.app_title),
        "custom": client.and_then(|c| c.custom.get("k")),
        "identity": context.identity.as_ref().map(|i| &i.identity_id),
        "trace": context.xray_trace_id,
        "leftMs": left.as_millis() as u64,
        "name": context.env_config.function_name,
        "version": context.env_config.version,
        "memoryMB": context.env_config.memory,
    })
}

/// A stream of "one " and "two", or of "one " and an error. What comes second waits for a file: the test has seen the first.
fn stream(op: &str, gate: String) -> FunctionResponse<Value, Chunks> {
    let second = match op {
        "streamError" => Err(WitnessError("no more".into()).into()),
        _ => Ok(Bytes::from_static(b"two")),
    };
    let later = tokio_stream::once((second, gate)).then(|(chunk, gate)| async move {
        while !gate.is_empty() && !std::path::Path::new(&gate).exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        chunk
    });
    let mut metadata_prelude = MetadataPrelude::default();
    if op == "prelude" {
        metadata_prelude.status_code = created();
        metadata_prelude.headers.insert("x-witness", "rust".parse().unwrap());
        metadata_prelude.cookies.push("a=1".into());
    }
    let chunks: Chunks = Box::pin(tokio_stream::once(Ok(Bytes::from_static(b"one "))).chain(later));
    FunctionResponse::StreamingResponse(StreamResponse { metadata_prelude, stream: chunks })
}

/// The status 201, of a type that the client does not give a name of its own.
fn created<T: TryFrom<u16>>() -> T {
    T::try_from(201).ok().unwrap()
}

async fn hello(event: LambdaEvent<Value>) -> Answer {
    let (event, context) = event.into_parts();
    let number = |name: &str| event[name].as_u64().unwrap_or_default();
    let text = |name: &str, default: &str| event[name].as_str().unwrap_or(default).to_string();
    let op = text("op", "");
    Ok(FunctionResponse::BufferedResponse(match op.as_str() {
        "stream" | "streamError" | "prelude" => return Ok(stream(&op, text("gate", ""))),
        "value" => event["value"].clone(),
        "context" => tell(&context),
        "count" => json!(COUNT.fetch_add(1, Ordering::SeqCst) + 1),
        "error" => return Err(WitnessError(text("message", "out of cheese")).into()),
        "panic" => panic!("mice"),
        "exit" => std::process::exit(number("status") as i32),
        "kill" => {
            Command::new("sh").args(["-c", "kill -KILL $PPID"]).status()?;
            Value::Null
        }
        "sleep" => {
            tokio::time::sleep(Duration::from_millis(number("ms"))).await;
            json!("slept")
        }
        "big" => json!("x".repeat(number("bytes") as usize - 2)), // and two quotes
        "print" => {
            println!("printed");
            json!("printed")
        }
        "fork" => {
            let mut shell = Command::new("sh");
            shell.args(["-c", "printf '%s' \"$0\"; cat | wc -c", "forked "]).stdin(Stdio::inherit());
            json!(String::from_utf8(shell.output()?.stdout)?.trim())
        }
        _ => event,
    }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(hello)).await
}
