import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { AwsCredentials } from "../../extensions/aws/credentials.ts";
import { AwsSigner } from "../../extensions/aws/signer.ts";
import { CredentialCache } from "../../extensions/object-store/credential-cache.ts";
import { createObjectStorage } from "../../extensions/object-store/object-storage.ts";
import { S3Client, type S3Sizes } from "../../extensions/s3/s3-client.ts";
import type { S3Settings } from "../../extensions/s3/settings.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { makeCertificate } from "./certificate.ts";
import { startForeignServer } from "./foreign-server.ts";

const execFileAsync = promisify(execFile);

/** A third-party S3 server, which `npm run stores` fetches. */
export interface S3Server extends AsyncDisposable {
  readonly settings: S3Settings;
  readonly credentials: AwsCredentials;
  /** Environment of AWS's own programs, for started processes. */
  readonly env: Readonly<Record<string, string>>;
  /** Opens a storage on it. Default: with its root credentials. */
  storage(credentials?: AwsCredentials): Storage;
  /**
   * @param sizes limits above which it puts and copies in parts
   * @param endpoint other endpoint of the requests
   */
  client(sizes?: S3Sizes, endpoint?: string): S3Client;
  makeBucket(name: string): Promise<void>;
  /** Makes a bucket by a request, so that it has an owner and is visible to other users. */
  makeOwnedBucket(name: string): Promise<void>;
  /** Permits anybody to list and read a bucket. */
  allowAll(bucket: string): Promise<void>;
  /** Gives other users the rights of a policy, and no more. */
  allow(bucket: string, statements: readonly object[]): Promise<void>;
  /** Adds a user without rights. */
  addUser(name: string): Promise<AwsCredentials>;
  /** Changes the secret of a user. */
  setSecret(user: AwsCredentials, secretAccessKey: string): Promise<void>;
  /** Begins an upload in parts that never ends, as after an exit of the uploading process. */
  beginUpload(bucket: string, key: string): Promise<void>;
  /** Returns the keys of unfinished uploads in parts, as the server lists them. */
  uploads(bucket: string): Promise<readonly string[]>;
  /** Writes a file into the server's own folder. */
  keep(bucket: string, key: string, content: string, changed?: Date): Promise<void>;
  /** Returns the bytes of a key, from the server's own disk. */
  kept(bucket: string, key: string): Promise<Uint8Array>;
}

interface S3ServerOptions {
  /** Uses TLS. Default: clear text. */
  readonly isSecure?: boolean;
  /** File of the access log: a line for each request. Default: none. */
  readonly accessLog?: string;
}

export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-s3-"));
  const data = join(folder, "data");
  const users = join(folder, "users");
  await Promise.all([mkdir(data), mkdir(users)]);
  const credentials = { accessKeyId: "test", secretAccessKey: "a-long-secret" };
  const tls = options.isSecure === true ? await makeCertificate() : null;
  const certificate = join(folder, "cert.pem");
  if (tls !== null) {
    await writeFile(certificate, tls.cert);
    await writeFile(join(folder, "key.pem"), tls.key);
  }
  const logged = options.accessLog === undefined ? [] : ["--access-log", options.accessLog];
  const secure = tls === null ? [] : ["--cert", certificate, "--key", join(folder, "key.pem")];
  const program = join(process.env.SHARDMILL_FOREIGN ?? "", "versitygw");
  const server = await startForeignServer(
    program,
    (port) => [
      "--port",
      `127.0.0.1:${port}`,
      "--quiet",
      "--keep-alive",
      ...secure,
      ...logged,
      "--iam-dir",
      users,
      "posix",
      data,
    ],
    { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
  );
  const endpoint = `${tls === null ? "http" : "https"}://127.0.0.1:${server.port}`;
  const settings: S3Settings = {
    endpoint: new URL(endpoint),
    region: "us-east-1",
    addressing: "path",
    ca: tls?.cert ?? null,
  };
  const putPolicy = (bucket: string, statements: readonly object[]) => {
    const body = JSON.stringify({ Version: "2012-10-17", Statement: statements });
    return askServer(settings, credentials, { method: "PUT", path: bucket, query: { policy: "" }, body });
  };
  const administer = async (command: string, requested: readonly string[]) => {
    const root = ["--access", credentials.accessKeyId, "--secret", credentials.secretAccessKey];
    await execFileAsync(program, ["admin", ...root, "--endpoint-url", endpoint, command, ...requested]);
  };
  const clientWith = (used: AwsCredentials, sizes: S3Sizes = {}, at = settings) =>
    new S3Client({ settings: at, credentials: new CredentialCache(async () => used), ...sizes });
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
    client: (sizes, other) =>
      clientWith(credentials, sizes, { ...settings, endpoint: new URL(other ?? endpoint) }),
    // This server takes its own folders for buckets.
    makeBucket: async (name) => void (await mkdir(join(data, name))),
    makeOwnedBucket: async (bucket) =>
      void (await askServer(settings, credentials, { method: "PUT", path: bucket, query: {} })),
    allowAll: async (bucket) => void (await putPolicy(bucket, [readByAll(bucket)])),
    allow: async (bucket, statements) => void (await putPolicy(bucket, statements)),
    async addUser(name) {
      const user = { accessKeyId: name, secretAccessKey: `a-secret-of-${name}` };
      await administer("create-user", ["--access", name, "--secret", user.secretAccessKey, "--role", "user"]);
      return user;
    },
    setSecret: ({ accessKeyId }, secretAccessKey) =>
      administer("update-user", ["--access", accessKeyId, "--secret", secretAccessKey]),
    async beginUpload(bucket, key) {
      const requested = { method: "POST", path: `${bucket}/${key}`, query: { uploads: "" } } as const;
      await askServer(settings, credentials, requested);
    },
    async uploads(bucket) {
      const requested = { method: "GET", path: bucket, query: { uploads: "" } } as const;
      const listed = await askServer(settings, credentials, requested);
      return [...listed.matchAll(/<Upload>.*?<Key>([^<]*)/gs)]
        .map(([, key = ""]) => decodeURIComponent(key))
        .sort();
    },
    async keep(bucket, key, content, changed = new Date()) {
      const path = join(data, bucket, key);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
      await utimes(path, changed, changed);
    },
    kept: async (bucket, key) => await readFile(join(data, bucket, key)),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function readByAll(bucket: string): object {
  return {
    Effect: "Allow",
    Principal: "*",
    Action: ["s3:GetObject", "s3:ListBucket"],
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
  };
}

interface ServerAsked {
  readonly method: "GET" | "POST" | "PUT";
  /** Path of a bucket, or of a key in it. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends requests that no storage needs: for buckets, policies and unfinished uploads. */
export async function askServer(
  { endpoint, region }: S3Settings,
  credentials: AwsCredentials,
  { method, path, query, body = "" }: ServerAsked,
): Promise<string> {
  const sha256 = createHash("sha256").update(body).digest("hex");
  const unsigned = { method, url: new URL(`/${path}`, endpoint ?? ""), query, headers: {}, sha256 };
  const signed = await new AwsSigner("s3").sign(unsigned, { credentials, region });
  const headers = { ...signed.headers, ...signed.secretHeaders };
  const answer = await fetch(signed.url, { method, headers, ...(method === "PUT" ? { body } : {}) });
  if (!answer.ok) throw new Error(`${method} ${path} is answered ${answer.status}`);
  return await answer.text();
}
