import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sleep } from "../../shared/core/abort.ts";
import { CredentialCache } from "../../shared/objects/credential-cache.ts";
import type { S3Credentials } from "../../shared/s3/credentials.ts";
import { S3Client } from "../../shared/s3/s3-client.ts";
import type { S3Settings } from "../../shared/s3/settings.ts";
import { createObjectStorage } from "../../shared/storage/object-storage.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { makeCertificate } from "./certificate.ts";

/** A real S3 server, of other people: `npm run stores` fetches it. */
export interface S3Server extends AsyncDisposable {
  readonly settings: S3Settings;
  readonly credentials: S3Credentials;
  /** What AWS's own programs take, for processes that are started. */
  readonly env: Readonly<Record<string, string>>;
  /** Storages of it: by others than its own credentials, where they are given. */
  storage(credentials?: S3Credentials): Storage;
  client(): S3Client;
  makeBucket(name: string): Promise<void>;
  /** Puts a file there behind its back. */
  keep(bucket: string, key: string, content: string, changed?: Date): Promise<void>;
  /** What is kept under a key, as its own disk has it. */
  kept(bucket: string, key: string): Promise<Uint8Array>;
}

const BUCKET_WAIT_MS = 20_000;

export async function startS3Server(options: { readonly isSecure?: boolean } = {}): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-s3-"));
  const data = join(folder, "data");
  await mkdir(data);
  const credentials = { accessKeyId: "test", secretAccessKey: "a-long-secret" };
  const port = await freePort();
  const tls = options.isSecure === true ? await makeCertificate() : null;
  const certificate = join(folder, "cert.pem");
  if (tls !== null) {
    await writeFile(certificate, tls.cert);
    await writeFile(join(folder, "key.pem"), tls.key);
  }
  const secure = tls === null ? [] : ["--cert", certificate, "--key", join(folder, "key.pem")];
  const server = spawn(
    join(process.env.SHARDMILL_FOREIGN ?? "", "versitygw"),
    ["--port", `127.0.0.1:${port}`, "--quiet", ...secure, "posix", data],
    {
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        PATH: process.env.PATH,
        ROOT_ACCESS_KEY: credentials.accessKeyId,
        ROOT_SECRET_KEY: credentials.secretAccessKey,
      },
    },
  );
  await untilListening(port, server);
  const endpoint = `${tls === null ? "http" : "https"}://127.0.0.1:${port}`;
  const settings: S3Settings = {
    endpoint: new URL(endpoint),
    region: "us-east-1",
    addressing: "path",
    ca: tls?.cert ?? null,
  };
  const clientWith = (used: S3Credentials) =>
    new S3Client({ settings, credentials: new CredentialCache(async () => used) });
  return {
    settings,
    credentials,
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: settings.region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_CONFIG_FILE: join(folder, "no-config"),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, "no-credentials"),
      ...(tls === null ? {} : { AWS_CA_BUNDLE: certificate }),
    },
    storage: (used = credentials) => createObjectStorage(clientWith(used)),
    client: () => clientWith(credentials),
    // To this server a folder of its own is a bucket.
    makeBucket: async (name) => void (await mkdir(join(data, name))),
    async keep(bucket, key, content, changed = new Date()) {
      const path = join(data, bucket, key);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
      await utimes(path, changed, changed);
    },
    kept: async (bucket, key) => await readFile(join(data, bucket, key)),
    async [Symbol.asyncDispose]() {
      if (server.exitCode === null) {
        const ended = new Promise((resolve) => server.once("exit", resolve));
        server.kill("SIGKILL");
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilListening(port: number, server: ChildProcess): Promise<void> {
  let failure: Error | null = null;
  server.once("error", (error) => {
    failure = error;
  });
  for (let waitedMs = 0; waitedMs < BUCKET_WAIT_MS; waitedMs += 100) {
    if (failure !== null) throw new Error("no S3 server: `npm run stores` fetches it", { cause: failure });
    if (server.exitCode !== null) throw new Error(`the S3 server ended with ${server.exitCode}`);
    const isListening = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (isListening) return;
    await sleep(100);
  }
  throw new Error("the S3 server does not listen");
}
