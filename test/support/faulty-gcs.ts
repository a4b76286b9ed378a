import { createHash } from "node:crypto";
import type { GcsCredentials } from "../../extensions/gcs/credentials.ts";
import { GcsClient } from "../../extensions/gcs/gcs-client.ts";
import { CredentialCache } from "../../extensions/object-store/credential-cache.ts";
import { createObjectStorage } from "../../extensions/object-store/object-storage.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { HttpEngine } from "../../shared/http/http-engine.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { type ServeCall, startWebServer, type WebServer } from "./web-server.ts";

/** An object of the tests, and its paths in requests. */
export const object = parseLocation("gs://bucket/a/b c.bin");
export const OBJECT = "/storage/v1/b/bucket/o/a%2Fb%20c.bin";
export const UPLOAD = "/upload/storage/v1/b/bucket/o";

/** A store that answers as the test defines, in Google's format, with faults that no emulator can produce. */
export interface FaultyGcs extends AsyncDisposable {
  readonly server: WebServer;
  /**
   * Defines answers for a path, one after another. The last one repeats.
   *
   * @returns the requests, with their tokens
   */
  answers(path: string, ...calls: ServeCall[]): string[];
  client(): GcsClient;
  storage(): Storage;
}

export async function startFaultyGcs(options: { readonly pieceBytes?: number } = {}): Promise<FaultyGcs> {
  const server = await startWebServer({});
  const timers = {
    after(_ms: number, act: () => void) {
      act();
      return () => {};
    },
  };
  const settings = { endpoint: new URL(server.url), isAnonymous: false, ca: null };
  const client = () => {
    let requested = 0;
    const credentials = new CredentialCache<GcsCredentials>(async () => {
      requested += 1;
      return {
        headers: { authorization: `Bearer hunter2-${requested}` },
        identity: "service account reader@project.iam.gserviceaccount.com",
        expiration: new Date(Date.now() + 3_600_000),
      };
    });
    const engine = new HttpEngine({ timers, idleMs: 5_000 });
    return new GcsClient({ settings, credentials, engine, ...options });
  };
  return {
    server,
    answers: (path, ...calls) => {
      const requested: string[] = [];
      server.served.set(path, (request, response) => {
        requested.push(`${request.url?.split("?")[1] ?? ""} ${request.headers.authorization ?? ""}`);
        const call = calls.length > 1 ? calls.shift() : calls[0];
        call?.(request, response);
      });
      return requested;
    },
    client,
    storage: () => createObjectStorage(client()),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export const says =
  (status: number, body = "", headers: Record<string, string> = {}): ServeCall =>
  (request, response) =>
    void request.resume().on("end", () => response.writeHead(status, headers).end(body));
export const problem = (status: number, reason: string, message = "said so") =>
  says(status, JSON.stringify({ error: { code: status, message, errors: [{ reason }] } }));
/** The first five bytes of an object of ten bytes. */
export const range = says(206, "01234", { "content-range": "bytes 0-4/10", "x-goog-generation": "7" });

/** Returns the store's description of an object that the client has put. */
export function told(bytes: Buffer) {
  const md5Hash = createHash("md5").update(bytes).digest("base64");
  const metadata = { "shardmill-sha256": sha256(bytes), "shardmill-md5": md5Hash };
  return { size: String(bytes.length), generation: "7", md5Hash, metadata };
}
