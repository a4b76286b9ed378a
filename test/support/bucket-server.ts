import type { ObjectClient } from "../../extensions/object-store/object-client.ts";
import { type Location, parseLocation } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { startAzureServer } from "./azure-server.ts";
import { startGcsServer } from "./gcs-server.ts";
import { startS3Server } from "./s3-server.ts";

type Environment = Readonly<Record<string, string>>;

/** A real server with a bucket: what is to hold of each store is tried on all. */
export interface BucketServer extends AsyncDisposable {
  /** `s3://bucket`. */
  readonly bucket: Location;
  /** One of the same kind that is not there. */
  readonly noBucket: Location;
  /** What the store's own programs take, for processes that are started. */
  readonly env: Environment;
  readonly endpoint: URL;
  /** The environment of who asks at another endpoint. */
  envAt(endpoint: string): Environment;
  /** ... of who cannot ask at all, whatever is asked. */
  readonly nowhere: Environment;
  storage(): Storage;
  client(): ObjectClient;
  /** What is kept under a key of the bucket, as others read it. */
  kept(key: string): Promise<Uint8Array>;
}

export async function startS3Bucket(options: { readonly isSecure?: boolean } = {}): Promise<BucketServer> {
  const server = await startS3Server(options);
  await server.makeBucket("bucket");
  return {
    bucket: parseLocation("s3://bucket"),
    noBucket: parseLocation("s3://no-such-bucket"),
    env: server.env,
    endpoint: server.settings.endpoint ?? new URL("http://none"),
    envAt: (endpoint) => ({ ...server.env, AWS_ENDPOINT_URL: endpoint }),
    nowhere: { AWS_ACCESS_KEY_ID: "", AWS_EC2_METADATA_DISABLED: "true" },
    storage: () => server.storage(),
    client: () => server.client(),
    kept: (key) => server.kept("bucket", key),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export async function startGcsBucket(): Promise<BucketServer> {
  const server = await startGcsServer();
  await server.makeBucket("bucket");
  return {
    bucket: parseLocation("gs://bucket"),
    noBucket: parseLocation("gs://no-such-bucket"),
    env: server.env,
    endpoint: new URL(server.url),
    envAt: (endpoint) => ({ ...server.env, STORAGE_EMULATOR_HOST: endpoint }),
    nowhere: { STORAGE_EMULATOR_HOST: "ftp://nowhere" },
    storage: () => server.storage(),
    client: () => server.client(),
    kept: (key) => server.kept("bucket", key),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** @param options.isBySignature by a shared access signature in place of the account's key */
export async function startAzureBucket(
  options: { readonly isBySignature?: boolean } = {},
): Promise<BucketServer> {
  const server = await startAzureServer();
  await server.makeContainer("container");
  const endpoint = server.settings.endpoint ?? new URL("http://none");
  const { AZURE_STORAGE_KEY: _key, ...keyless } = server.env;
  const env =
    options.isBySignature === true
      ? { ...keyless, AZURE_STORAGE_SAS_TOKEN: server.signatureFor(60) }
      : server.env;
  return {
    bucket: parseLocation("az://container"),
    noBucket: parseLocation("az://no-such-container"),
    env,
    endpoint,
    envAt: (other) => ({ ...env, AZURE_STORAGE_ENDPOINT: `${other}${endpoint.pathname}` }),
    nowhere: { AZURE_STORAGE_ACCOUNT: "no account" },
    storage: () => server.storage(),
    client: () => server.client(),
    kept: (key) => server.kept("container", key),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** All that `npm run stores` tries. */
export const BUCKET_SERVERS = {
  s3: () => startS3Bucket(),
  "s3-tls": () => startS3Bucket({ isSecure: true }),
  gs: startGcsBucket,
  az: () => startAzureBucket(),
} satisfies Readonly<Record<string, () => Promise<BucketServer>>>;
export type BucketServerName = keyof typeof BUCKET_SERVERS;
