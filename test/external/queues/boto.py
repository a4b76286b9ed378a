"""SQS by AWS's own library. Each input line is a call as JSON, and each output line its answer."""

import json
import sys

import boto3

sqs = boto3.client(
    "sqs",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="x",
    aws_secret_access_key="x",
)
for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = {"answer": getattr(sqs, call["method"])(**call["arguments"])}
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, default=str), flush=True)
