import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AwsCredentials } from "../../../extensions/aws/credentials.ts";
import { type FaultyProxy, type ProxyFault, startFaultyProxy } from "../../support/faulty-proxy.ts";
import { startListening, startWorker, until } from "../../support/job-processes.ts";
import { KnownJob } from "../../support/known-job.ts";
import { needs } from "../../support/needs.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

/** A process that waits for credentials, because valid ones are refused, can be stopped. */

let server: S3Server;
let proxy: FaultyProxy;
let job: KnownJob;
let faultOf: () => ProxyFault | null = () => null;
beforeAll(async () => {
  server = await startS3Server();
  await server.makeBucket("bucket");
  job = await KnownJob.make({ rows: 100 });
  proxy = await startFaultyProxy(server.settings.endpoint ?? new URL("http://none"), () => faultOf());
  // Prints the keys until a file forbids it.
  const program = job.at("keys.sh");
  const keys = {
    Version: 1,
    AccessKeyId: server.credentials.accessKeyId,
    SecretAccessKey: server.credentials.secretAccessKey,
  };
  await writeFile(
    program,
    `#!/bin/sh\ntest -e ${job.at("refuse")} && exit 1\necho '${JSON.stringify(keys)}'\n`,
  );
  await chmod(program, 0o755);
  await job.write("config", `[default]\ncredential_process = ${program}\n`);
});
afterAll(async () => {
  await Promise.all([proxy, job].map((each) => each[Symbol.asyncDispose]()));
  await server[Symbol.asyncDispose]();
});

const env = () => {
  const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...others } = server.env;
  return {
    ...job.env,
    ...others,
    AWS_ENDPOINT_URL: proxy.endpoint,
    AWS_CONFIG_FILE: job.at("config"),
    AWS_SDK_LOAD_CONFIG: "1",
    SHARDMILL_STATE: join(job.folder, "state"),
  };
};

needs("bucket-journal")("a coordinator that waits for credentials exits at once on SIGINT", async () => {
  await job.writeSpec({ output: { path: "s3://bucket/out" }, work: { journal: "bucket" } });
  const { cli, address } = await startListening(job, ["coordinator", job.path, "--listen", "127.0.0.1:0"], {
    env: env(),
    limitMs: 150_000,
  });
  await using running = cli;
  expect(address).not.toBe("");
  await job.write("refuse", "");
  let refused = 0;
  faultOf = () => {
    refused += 1;
    return "expired";
  };
  // The coordinator regularly checks that the job is still its own.
  await until("a refusal", async () => (refused > 0 ? true : null));
  await sleep(3_000);
  const startMs = performance.now();
  process.kill(running.child.pid ?? 0, "SIGINT");
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(130);
  expect(performance.now() - startMs).toBeLessThan(2_000);
});

test("a coordinator exits after its job failed, although its credential provider does not respond", async () => {
  const provider = await startSilentProvider(server.credentials);
  await using _provider = provider;
  const own = {
    ...env(),
    AWS_CONFIG_FILE: job.at("none"),
    AWS_ENDPOINT_URL: server.env.AWS_ENDPOINT_URL ?? "",
  };
  await job.writeSpec({ output: { path: "s3://bucket/silent" } });
  const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--store-grace-ms", "1000"];
  const { cli, address } = await startListening(job, args, {
    env: { ...own, AWS_CONTAINER_CREDENTIALS_FULL_URI: provider.url },
    limitMs: 280_000,
  });
  await using running = cli;
  provider.fallSilent();
  await using _worker = startWorker(job, address, ["--data", "coordinator"]);
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(1);
  expect(stderr).toMatch(/^error: .*has not answered for 30 s.*\(STORE_UNAVAILABLE\)$/m);
}, 300_000);

interface SilentProvider extends AsyncDisposable {
  readonly url: string;
  fallSilent(): void;
}

/** Starts a container's credentials endpoint, with keys that last a second. It can stop answering. */
async function startSilentProvider({
  accessKeyId,
  secretAccessKey,
}: AwsCredentials): Promise<SilentProvider> {
  let isSilent = false;
  const web = createServer((_, response) => {
    if (isSilent) return;
    const Expiration = new Date(Date.now() + 1_000).toISOString();
    const keys = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: "", Expiration };
    response.setHeader("content-type", "application/json").end(JSON.stringify(keys));
  });
  await once(web.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(web.address() as AddressInfo).port}/keys`,
    fallSilent: () => {
      isSilent = true;
    },
    async [Symbol.asyncDispose]() {
      web.closeAllConnections();
      web.close();
      await once(web, "close");
    },
  };
}
