import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AwsCredentials } from "../../extensions/aws/credentials.ts";
import { CredentialCache } from "../../extensions/object-store/credential-cache.ts";
import { createObjectStorage } from "../../extensions/object-store/object-storage.ts";
import { S3Client } from "../../extensions/s3/s3-client.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import type { BucketServer } from "./bucket-server.ts";
import { freePorts, startForeignServer } from "./foreign-server.ts";
import { askServer } from "./s3-server.ts";

/** Limit of the start: the server listens before its parts have found each other. */
const WAIT_MS = 60_000;

const PARTS = ["master", "volume", "filer", "s3"] as const;

/** Starts SeaweedFS with a bucket, by its interface for S3. `npm run seaweedfs` builds it. */
export async function startSeaweedBucket(): Promise<BucketServer> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-seaweed-"));
  const credentials: AwsCredentials = { accessKeyId: "test", secretAccessKey: "a-long-secret" };
  const identities = join(folder, "s3.json");
  await writeFile(identities, identitiesText(credentials));
  const [master, volume, filer, ...grpc] = await freePorts(7);
  const program = join(process.env.SHARDMILL_FOREIGN ?? "", "weed");
  const args = (port: number) => [
    ...["-logtostderr=false", "-alsologtostderr=false", `-logdir=${folder}`, "server", `-dir=${folder}`],
    ...["-filer", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=0", `-s3.config=${identities}`],
    ...[`-master.port=${master}`, `-volume.port=${volume}`, `-filer.port=${filer}`, `-s3.port=${port}`],
    ...PARTS.map((part, at) => `-${part}.port.grpc=${grpc[at]}`),
  ];
  const server = await startForeignServer(program, args);
  const endpoint = new URL(`http://127.0.0.1:${server.port}`);
  const settings = { endpoint, region: "us-east-1", addressing: "path", ca: null } as const;
  const client = () => new S3Client({ settings, credentials: new CredentialCache(async () => credentials) });
  const made = await makeBucket(() =>
    askServer(settings, credentials, { method: "PUT", path: "bucket", query: {} }),
  );
  const env = {
    AWS_ENDPOINT_URL: endpoint.origin,
    AWS_REGION: settings.region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_CONFIG_FILE: join(folder, "no-config"),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, "no-credentials"),
  };
  const end = async () => {
    await server[Symbol.asyncDispose]();
    // The server leaves sockets there, whatever its folder is.
    const left = [
      `filer-${filer}`,
      `s3-${server.port}`,
      ...PARTS.map((part, at) => `${part}-grpc-${grpc[at]}`),
    ];
    await Promise.all(left.map((name) => rm(`/tmp/seaweedfs-${name}.sock`, { force: true })));
    await rm(folder, { recursive: true, force: true });
  };
  if (made !== null) {
    await end();
    throw made;
  }
  return {
    bucket: parseLocation("s3://bucket"),
    noBucket: parseLocation("s3://no-such-bucket"),
    env,
    endpoint,
    envAt: (other) => ({ ...env, AWS_ENDPOINT_URL: other }),
    nowhere: { AWS_ACCESS_KEY_ID: "", AWS_EC2_METADATA_DISABLED: "true" },
    storage: () => createObjectStorage(client()),
    client,
    // Read by another interface of the server.
    async kept(key) {
      const answer = await fetch(`http://127.0.0.1:${filer}/buckets/bucket/${encodeURIComponent(key)}`);
      if (!answer.ok) throw new Error(`${key} is answered ${answer.status}`);
      return new Uint8Array(await answer.arrayBuffer());
    },
    [Symbol.asyncDispose]: end,
  };
}

function identitiesText(credentials: {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}): string {
  const { accessKeyId: accessKey, secretAccessKey: secretKey } = credentials;
  const identity = { name: "tests", credentials: [{ accessKey, secretKey }], actions: ["Admin"] };
  return JSON.stringify({ identities: [identity] });
}

/** @returns null, or the last error when the server is not complete in time */
async function makeBucket(make: () => Promise<unknown>): Promise<unknown> {
  for (let waitedMs = 0; ; waitedMs += 500) {
    try {
      await make();
      return null;
    } catch (error) {
      if (waitedMs >= WAIT_MS) return error;
      await sleep(500, NEVER);
    }
  }
}
