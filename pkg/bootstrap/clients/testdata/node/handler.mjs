// The witness on AWS's own client for Node: what an event is answered with is the same in all languages (clients_test.go).
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

class WitnessError extends Error {
  constructor(message) {
    super(message);
    this.name = "WitnessError";
  }
}

let count = 0; // the state that a warm environment keeps

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// what the client made of the headers and the environment
const tell = (context) => ({
  requestId: context.awsRequestId,
  arn: context.invokedFunctionArn,
  tenant: context.tenantId,
  client: context.clientContext?.client?.app_title,
  custom: context.clientContext?.custom?.k,
  identity: context.identity?.cognitoIdentityId,
  trace: process.env._X_AMZN_TRACE_ID,
  leftMs: context.getRemainingTimeInMillis(),
  name: context.functionName,
  version: context.functionVersion,
  memoryMB: Number(context.memoryLimitInMB),
});

export const hello = async (event, context) => {
  switch (event?.op) {
    case "value":
      return event.value;
    case "context":
      return tell(context);
    case "count":
      return ++count;
    case "error":
      throw new WitnessError(event.message ?? "out of cheese");
    case "unserialisable":
      return { n: 1n };
    case "exit":
      process.exit(event.status);
    case "kill":
      process.kill(process.pid, "SIGKILL");
      return sleep(60_000);
    case "sleep":
      await sleep(event.ms);
      return "slept";
    case "big":
      return "x".repeat(event.bytes - 2); // and two quotes
    case "print":
      process.stdout.write("printed\n");
      return "printed";
    case "fork":
      return execFileSync("sh", ["-c", 'printf "%s" "$0"; cat | wc -c', "forked "], { stdio: ["inherit", "pipe", "inherit"] }).toString().trim();
  }
  return event;
};

export const stream = awslambda.streamifyResponse(async (event, response) => {
  if (event.op === "prelude") {
    response = awslambda.HttpResponseStream.from(response, {
      statusCode: 201,
      headers: { "x-witness": "node" },
      cookies: ["a=1"],
    });
  } else if (event.op === "typed") {
    response.setContentType("text/plain");
  }
  response.write("one ");
  while (event.gate && !existsSync(event.gate)) {
    await sleep(2); // the test has not seen the first chunk yet
  }
  if (event.op === "streamError") {
    throw new WitnessError("no more");
  }
  response.write("two");
  response.end();
  await response.finished?.();
});
