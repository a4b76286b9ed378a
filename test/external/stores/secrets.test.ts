import { readdir, readFile } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { expect } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { below, type Location } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { filesBelow } from "../../support/bucket-output.ts";
import {
  type BucketServer,
  startAzureBucket,
  startGcsBucket,
  startS3Bucket,
} from "../../support/bucket-server.ts";
import { type ProxyFault, startFaultyProxy } from "../../support/faulty-proxy.ts";
import { aJobId } from "../../support/ids.ts";
import { ask, startListening, startWorker } from "../../support/job-processes.ts";
import { KnownJob } from "../../support/known-job.ts";
import { needs } from "../../support/needs.ts";
import { WITHOUT_ESTIMATE } from "../../support/plan-options.ts";
import { runCli } from "../../support/processes.ts";
import { startWebServer } from "../../support/web-server.ts";

/**
 * Signatures of requests are for their store only. A proxy records the signatures. Neither they nor the keys
 * behind them appear in any output, file or message of a job.
 */

/** A store, and its credentials. */
interface Requested extends AsyncDisposable {
  readonly server: BucketServer;
  /** Keys that must not appear anywhere, whether or not they are sent. */
  readonly keys: readonly string[];
  /** True when requests have the keys themselves. Otherwise each request has a signature of its own. */
  readonly areSent: boolean;
  envAt(endpoint: string): Readonly<Record<string, string>>;
}

function askedBy(server: BucketServer, variable: string, areSent: boolean): Requested {
  const { [variable]: key = "" } = server.env;
  return {
    server,
    areSent,
    keys: [new URLSearchParams(key).get("sig") ?? key],
    envAt: server.envAt,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/**
 * Starts the emulator, which accepts any token. The token is that of the machine's service account, from a
 * test server.
 */
async function gcsByToken(): Promise<Requested> {
  const token = "ya29.hunter2-token";
  const server = await startGcsBucket();
  const metadata = await startWebServer({
    "/computeMetadata/v1/instance/service-accounts/default/token": (_request, response) => {
      response.writeHead(200, { "content-type": "application/json", "metadata-flavor": "Google" });
      response.end(JSON.stringify({ access_token: token, expires_in: 3_600, token_type: "Bearer" }));
    },
  });
  return {
    server,
    keys: [token],
    areSent: true,
    envAt: (endpoint) => ({
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: endpoint,
      GCE_METADATA_HOST: new URL(metadata.url).host,
      METADATA_SERVER_DETECTION: "assume-present",
      CLOUDSDK_CONFIG: "/no/such/folder",
    }),
    async [Symbol.asyncDispose]() {
      await Promise.all([server, metadata].map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

const ASKED = {
  "S3, by a key": async () => askedBy(await startS3Bucket(), "AWS_SECRET_ACCESS_KEY", false),
  "Google Cloud Storage, by a token": gcsByToken,
  "Azure, by an account's key": async () => askedBy(await startAzureBucket(), "AZURE_STORAGE_KEY", false),
  "Azure, by a shared access signature": async () =>
    askedBy(await startAzureBucket({ isBySignature: true }), "AZURE_STORAGE_SAS_TOKEN", true),
} satisfies Readonly<Record<string, () => Promise<Requested>>>;

/** Returns the credentials in a request: signatures, tokens, the names of uploads. */
function signaturesOf(path: string, headers: IncomingHttpHeaders): string[] {
  const { authorization = "", "x-ms-copy-source": source } = headers;
  const said = /(?:Signature=|Bearer |SharedKey [^:]+:)(.+)$/.exec(authorization)?.[1];
  const requested = [path, String(source ?? "")].flatMap((each) => {
    const query = new URLSearchParams(each.split("?")[1] ?? "");
    return ["sig", "X-Amz-Signature", "upload_id"].map((name) => query.get(name));
  });
  return [said, ...requested].filter((each): each is string => typeof each === "string" && each !== "");
}

async function inBucket(storage: Storage, folder: Location): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of await filesBelow(storage, folder)) {
    const { bytes } = await storage.stat(below(folder, name), NEVER);
    found.set(
      name,
      Buffer.from(await storage.read(below(folder, name), 0, bytes, { signal: NEVER })).toString("latin1"),
    );
  }
  return found;
}

async function onDisk(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), "latin1")));
}

needs("bucket-journal", "init", "try").each(Object.entries(ASKED))(
  "%s: no key, token or signature is in a plan, draft, log, status, journal, error or output",
  async (_name, start) => {
    await using requested = await start();
    const { server, keys, areSent } = requested;
    const sent = new Set<string>();
    let fault: ProxyFault | null = null;
    await using proxy = await startFaultyProxy(server.endpoint, (_method, path, headers) => {
      for (const each of signaturesOf(path, headers)) sent.add(each);
      return fault;
    });
    await using storage = server.storage();
    await using job = await KnownJob.make({ rows: 1_000, files: 1 });
    const [input, model, out] = [
      below(server.bucket, "in"),
      below(server.bucket, "model.onnx"),
      below(server.bucket, "out"),
    ];
    await storage.put(
      below(input, "a.parquet"),
      sourceOfBytes(await readFile(job.at("data/part-0000.parquet"))),
      { signal: NEVER },
    );
    await storage.put(model, sourceOfBytes(await readFile(job.at("model.onnx"))), { signal: NEVER });
    const work = { journal: "bucket" };
    await job.writeSpec({ input: { path: input }, model: { path: model }, output: { path: out }, work });
    const own = { SHARDMILL_STATE: join(job.folder, "state"), SHARDMILL_CACHE: join(job.folder, "cache") };
    const env = { ...job.env, ...requested.envAt(proxy.endpoint), ...own };
    const said: string[] = [];
    const run = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await runCli(args, { env, limitMs: 300_000 });
      said.push(stdout, stderr);
      return code;
    };

    expect(await run("plan", job.path, "--json")).toBe(0);
    expect(await run("try", job.path, "--rows", "2", "--json")).toBe(0);
    expect(await run("init", "--model", model, "--input", input, "-o", join(job.folder, "made.yaml"))).toBe(
      0,
    );

    const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "debug"];
    const { cli, address } = await startListening(job, args, { env });
    await using coordinator = cli;
    said.push(JSON.stringify(await ask(address, ({ jobs }) => jobs.getJob(aJobId(""), NEVER))));
    const begun = await inBucket(storage, out);
    expect([...begun.keys()].join()).toMatch(/\/journal\/0+1/);
    said.push(...begun.values());
    await using worker = startWorker(job, address, ["--data", "shared", "--log-level", "debug"], { env });
    for (const { code, stdout, stderr } of await Promise.all([coordinator.ended, worker.ended])) {
      expect({ code, stderr }).toMatchObject({ code: 0 });
      said.push(stdout, stderr);
    }
    fault = "expired";
    expect(await run("plan", job.path, ...WITHOUT_ESTIMATE)).not.toBe(0);

    said.push(...(await inBucket(storage, out)).values(), ...(await onDisk(job.folder)));
    // The texts describe requests to the store, but not their credentials.
    expect(said.join("")).toContain("requests to a store");
    expect(keys.map((key) => sent.has(key))).toEqual(keys.map(() => areSent));
    // Signatures differ each time, and tokens do not.
    expect(sent.size).toBeGreaterThanOrEqual(areSent ? 1 : 10);
    const leaks = [...keys, ...sent].filter((secret) =>
      said.some((text) => text.includes(secret) || text.includes(encodeURIComponent(secret))),
    );
    expect(leaks).toEqual([]);
  },
  300_000,
);
