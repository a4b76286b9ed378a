import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jobFromBucketContract } from "../../contract/job-from-bucket-contract.ts";
import { type BucketServer, startS3Bucket } from "../../support/bucket-server.ts";
import { KnownJob } from "../../support/known-job.ts";
import { WITHOUT_ESTIMATE } from "../../support/plan-options.ts";
import { runCli } from "../../support/processes.ts";

const startSecure = () => startS3Bucket({ isSecure: true });

jobFromBucketContract("S3, over TLS", startSecure, {
  "a missing certificate file": { AWS_CA_BUNDLE: "/no/such/bundle.pem" },
  "an invalid address": { AWS_ENDPOINT_URL: "nowhere" },
});

describe("an S3 bucket without access", () => {
  let server: BucketServer;
  let job: KnownJob;
  beforeAll(async () => {
    server = await startSecure();
    job = await KnownJob.make({ rows: 100 });
    await job.writeSpec({ input: { path: "s3://bucket/in/data" } });
  });
  afterAll(async () => {
    await Promise.all([job[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
  });
  const plan = (settings: Readonly<Record<string, string>>) =>
    runCli(["plan", job.path, ...WITHOUT_ESTIMATE], { env: { ...job.env, ...server.env, ...settings } });

  test("a wrong secret is refused while planning, and is not shown", async () => {
    const { code, stdout, stderr } = await plan({ AWS_SECRET_ACCESS_KEY: "hunter2hunter2" });
    expect(code).toBe(2);
    expect(stderr).toContain("SignatureDoesNotMatch");
    expect(`${stdout}${stderr}`).not.toContain("hunter2");
  });

  test("missing credentials are refused while planning", async () => {
    const { code, stderr } = await plan({ ...server.nowhere, AWS_SECRET_ACCESS_KEY: "" });
    expect(code).toBe(2);
    expect(stderr).toMatch(/credentials/);
  });
});
