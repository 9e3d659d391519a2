//! An external extension on AWS's own crate: it registers for INVOKE and SHUTDOWN, subscribes to telemetry, and says what it
//! sees, a JSON object a line, in the log and in /tmp/watcher.jsonl, where the function can read it. A line's "life" tells one
//! process from another.
//! https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
use lambda_extension::{service_fn, Error, Extension, LambdaEvent, LambdaTelemetry, LogBuffering, NextEvent, SharedService};
use serde_json::{json, Value};
use std::{fs::OpenOptions, io::Write, sync::LazyLock, time::SystemTime};

static LIFE: LazyLock<String> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", since.as_nanos(), std::process::id())
});

fn say(mut line: Value) {
    line["life"] = json!(*LIFE);
    println!("{line}");
    let file = OpenOptions::new().create(true).append(true).open("/tmp/watcher.jsonl");
    let text = format!("{line}\n"); // one write a line: the listener and the loop both write
    if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
        println!("{}", json!({"watcher": "error", "error": error.to_string()}));
    }
}

async fn see_event(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(e) => say(json!({
            "watcher": "INVOKE", "requestId": e.request_id, "arn": e.invoked_function_arn, "deadlineMs": e.deadline_ms, "trace": e.tracing.value,
        })),
        NextEvent::Shutdown(e) => {
            say(json!({"watcher": "SHUTDOWN", "reason": e.shutdown_reason, "deadlineMs": e.deadline_ms}));
            std::process::exit(0); // the crate would ask for a next event, and be killed
        }
    }
    Ok(())
}

// The crate parses a batch whole: one record that is not as AWS documents it, and none of the batch is here.
async fn see_telemetry(batch: Vec<LambdaTelemetry<Value>>) -> Result<(), Error> {
    for record in batch {
        say(json!({"watcher": "telemetry", "telemetry": record}));
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let registered = Extension::new()
        .with_events_processor(service_fn(see_event))
        .with_telemetry_record_type::<Value>()
        .with_telemetry_types(&["platform", "function"])
        .with_telemetry_buffering(LogBuffering { timeout_ms: 25, max_bytes: 262_144, max_items: 1_000 })
        .with_telemetry_processor(SharedService::new(service_fn(see_telemetry)))
        .register()
        .await?;
    say(json!({
        "watcher": "registered", "function": registered.function_name, "version": registered.function_version,
        "handler": registered.handler, "accountId": registered.account_id,
    }));
    registered.run().await
}
