import { join } from "node:path";
import { ANONYMOUS } from "../../extensions/gcs/credentials.ts";
import { GcsClient } from "../../extensions/gcs/gcs-client.ts";
import { CredentialCache } from "../../extensions/object-store/credential-cache.ts";
import { createObjectStorage } from "../../extensions/object-store/object-storage.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { startForeignServer } from "./foreign-server.ts";

/** A third-party server with the API of Google Cloud Storage, which `npm run stores` fetches. */
export interface GcsServer extends AsyncDisposable {
  readonly url: string;
  /** Environment of Google's own programs, for started processes. */
  readonly env: Readonly<Record<string, string>>;
  storage(): Storage;
  client(): GcsClient;
  makeBucket(name: string): Promise<void>;
  /** Returns the bytes of a key, as other programs read them. */
  kept(bucket: string, key: string): Promise<Uint8Array>;
}

export async function startGcsServer(): Promise<GcsServer> {
  const server = await startForeignServer(
    join(process.env.SHARDMILL_FOREIGN ?? "", "fake-gcs-server"),
    (port) => [
      ...["-scheme", "http", "-host", "127.0.0.1", "-port", String(port), "-backend", "memory"],
      ...["-public-host", `127.0.0.1:${port}`, "-external-url", `http://127.0.0.1:${port}`],
      ...["-log-level", "error"],
    ],
  );
  const url = `http://127.0.0.1:${server.port}`;
  const client = () =>
    new GcsClient({
      settings: { endpoint: new URL(url), isAnonymous: true, ca: null },
      credentials: new CredentialCache(async () => ANONYMOUS),
    });
  return {
    url,
    // By convention, the value may omit the scheme.
    env: { STORAGE_EMULATOR_HOST: `127.0.0.1:${server.port}` },
    client,
    storage: () => createObjectStorage(client()),
    async makeBucket(name) {
      const response = await fetch(`${url}/storage/v1/b?project=test`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name }),
      });
      if (!response.ok) throw new Error(`no bucket ${name}: ${response.status}`);
    },
    async kept(bucket, key) {
      const response = await fetch(
        `${url}/download/storage/v1/b/${bucket}/o/${encodeURIComponent(key)}?alt=media`,
      );
      if (!response.ok) throw new Error(`no ${key}: ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
    },
  };
}
