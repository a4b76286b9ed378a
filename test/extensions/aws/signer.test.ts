import { expect, test } from "vitest";
import { AwsSigner, EMPTY_SHA256 } from "../../../extensions/aws/signer.ts";

test("headers that gateways rewrite are sent unsigned, and headers that define the request are signed", async () => {
  const headers = {
    range: "bytes=0-9",
    "if-match": '"e"',
    "accept-encoding": "identity",
    "user-agent": "shardmill/0",
  };
  const url = new URL("https://storage.example/bucket/key");
  const request = { method: "GET", url, query: {}, sha256: EMPTY_SHA256, headers } as const;
  const credentials = { accessKeyId: "KEY", secretAccessKey: "hunter2", sessionToken: "token" };
  const signed = await new AwsSigner("s3").sign(request, { credentials, region: "us-east-1" });
  const [, names] = /SignedHeaders=([^,]+)/.exec(signed.secretHeaders?.authorization ?? "") ?? [];
  expect(names?.split(";")).toEqual([
    "host",
    "if-match",
    "range",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
  ]);
  expect(signed.headers).toMatchObject(headers);
});
