"""A caller on boto3. It reads what to ask, a JSON object, on stdin, and says what it heard on stdout, a JSON object a line: one
for each chunk of a stream as it comes, and at the end the answer. caller_test.go has both shapes.
https://docs.aws.amazon.com/boto3/latest/reference/services/lambda/client/invoke.html
"""
import base64
import json
import sys

import boto3
import botocore.config
import botocore.exceptions


def say(answer):
    print(json.dumps(answer), flush=True)


def coded(payload):
    return base64.b64encode(payload).decode()


def decoded(log):
    return base64.b64decode(log or "").decode()


def inputs(ask):
    given = {"FunctionName": ask["Function"], "Payload": base64.b64decode(ask["Payload"] or "")}
    names = {"InvocationType": "Type", "Qualifier": "Qualifier", "ClientContext": "ClientContext", "TenantId": "Tenant"}
    given.update({name: ask[ours] for name, ours in names.items() if ask[ours]})
    if ask["Tail"]:
        given["LogType"] = "Tail"
    return given


def invoke(client, ask):
    out = client.invoke(**inputs(ask))
    return heard(out, Payload=coded(out["Payload"].read()), FunctionError=out.get("FunctionError", ""), Log=decoded(out.get("LogResult")))


def stream(client, ask):
    out = client.invoke_with_response_stream(**inputs(ask))
    whole, end = b"", {}
    for event in out["EventStream"]:
        if "PayloadChunk" in event:
            chunk = event["PayloadChunk"]["Payload"]
            whole += chunk
            say({"Chunk": chunk.decode()})
        else:
            end = event["InvokeComplete"]
    return heard(
        out, Payload=coded(whole), Code=end.get("ErrorCode", ""), Message=end.get("ErrorDetails", ""), Log=decoded(end.get("LogResult"))
    )


def heard(out, **more):
    return {
        "Status": out["StatusCode"],
        "Version": out.get("ExecutedVersion", ""),
        "RequestID": out["ResponseMetadata"].get("RequestId", ""),
        **more,
    }


def main():
    ask = json.load(sys.stdin)
    client = boto3.client(
        "lambda", endpoint_url=ask["Endpoint"], region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret",
        config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=120),
    )
    try:
        say((stream if ask["Stream"] else invoke)(client, ask))
    except botocore.exceptions.ClientError as error:
        told = error.response
        say({
            "Status": told["ResponseMetadata"]["HTTPStatusCode"], "Code": told["Error"]["Code"], "Message": told["Error"]["Message"],
            "Reason": told.get("Reason", ""), "RequestID": told["ResponseMetadata"].get("RequestId", ""),
        })


main()
