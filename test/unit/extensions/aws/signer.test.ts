import { expect, test } from "vitest";
import { EMPTY_SHA256, S3Signer } from "../../../../extensions/s3/signer.ts";

test("what gateways write anew is sent and not signed, all that says what is asked for is signed", async () => {
  const headers = {
    range: "bytes=0-9",
    "if-match": '"e"',
    "accept-encoding": "identity",
    "user-agent": "shardmill/0",
  };
  const url = new URL("https://storage.example/bucket/key");
  const request = { method: "GET", url, query: {}, sha256: EMPTY_SHA256, headers } as const;
  const credentials = { accessKeyId: "KEY", secretAccessKey: "hunter2", sessionToken: "token" };
  const signed = await new S3Signer().sign(request, { credentials, region: "us-east-1" });
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
