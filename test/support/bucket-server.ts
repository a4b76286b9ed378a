import type { ObjectClient } from "../../extensions/object-store/object-client.ts";
import { type Location, parseLocation } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { startAzureServer } from "./azure-server.ts";
import { startGcsServer } from "./gcs-server.ts";
import { startS3Server } from "./s3-server.ts";

type Environment = Readonly<Record<string, string>>;

/** A real server with a bucket. Tests that hold for each store run on all of them. */
export interface BucketServer extends AsyncDisposable {
  /** Location of the bucket, e.g. `s3://bucket`. */
  readonly bucket: Location;
  /** Location of the same kind that does not exist. */
  readonly noBucket: Location;
  /** Environment of the store's own programs, for started processes. */
  readonly env: Environment;
  readonly endpoint: URL;
  /** Returns the environment for another endpoint. */
  envAt(endpoint: string): Environment;
  /** Environment in which no request reaches a store. */
  readonly nowhere: Environment;
  storage(): Storage;
  client(): ObjectClient;
  /** Returns the bytes of a key in the bucket, as other programs read them. */
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

/** @param options.isBySignature true for a shared access signature instead of the account's key */
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

/** Servers of `npm run stores`. */
export const BUCKET_SERVERS = {
  s3: () => startS3Bucket(),
  "s3-tls": () => startS3Bucket({ isSecure: true }),
  gs: startGcsBucket,
  az: () => startAzureBucket(),
} satisfies Readonly<Record<string, () => Promise<BucketServer>>>;
export type BucketServerName = keyof typeof BUCKET_SERVERS;
