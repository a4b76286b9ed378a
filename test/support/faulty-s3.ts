import type { AwsCredentials } from "../../extensions/aws/credentials.ts";
import { CredentialCache } from "../../extensions/object-store/credential-cache.ts";
import { createObjectStorage } from "../../extensions/object-store/object-storage.ts";
import { S3Client, type S3Sizes } from "../../extensions/s3/s3-client.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { HttpEngine } from "../../shared/http/http-engine.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { type ServeCall, startWebServer, type WebServer } from "./web-server.ts";

/** A store that answers as the test defines, like S3, with faults that no real store can produce. */
export interface FaultyS3 extends AsyncDisposable {
  readonly server: WebServer;
  /**
   * Defines answers for a path, one after another. The last one repeats.
   *
   * @returns the access keys of the requests
   */
  answers(path: string, ...calls: ServeCall[]): string[];
  /** @param sizes limits above which it puts and copies in parts */
  client(provide: () => Promise<AwsCredentials>, sizes?: S3Sizes): S3Client;
  /**
   * Opens a storage that finds other credentials at each look-up. `asked` returns the number of look-ups.
   *
   * @param clock for waiting for credentials
   */
  open(clock?: TimedClock): { readonly storage: Storage; readonly requested: () => number };
}

export async function startFaultyS3(): Promise<FaultyS3> {
  const server = await startWebServer({});
  const client: FaultyS3["client"] = (provide, sizes) =>
    clientOf(server, new CredentialCache(provide), sizes);
  return {
    server,
    answers: (path, ...calls) => {
      const keys: string[] = [];
      server.served.set(path, (request, response) => {
        keys.push(/Credential=([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "");
        const call = calls.length > 1 ? calls.shift() : calls[0];
        request.resume().on("end", () => call?.(request, response));
      });
      return keys;
    },
    client,
    open: (clock) => {
      let requested = 0;
      const provide = async () => {
        requested += 1;
        return {
          accessKeyId: `KEY${requested}`,
          secretAccessKey: "hunter2",
          expiration: new Date(Date.now() + 3_600_000),
        };
      };
      const opened = clientOf(server, new CredentialCache(provide, clock === undefined ? {} : { clock }));
      return { storage: createObjectStorage(opened), requested: () => requested };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function clientOf(
  server: WebServer,
  credentials: CredentialCache<AwsCredentials>,
  sizes: S3Sizes = {},
): S3Client {
  const timers = {
    after(_ms: number, act: () => void) {
      act();
      return () => {};
    },
  };
  const settings = {
    endpoint: new URL(server.url),
    region: "us-east-1",
    addressing: "path",
    ca: null,
  } as const;
  return new S3Client({ settings, credentials, engine: new HttpEngine({ timers, idleMs: 500 }), ...sizes });
}

/** Returns a body that states the error. */
export const error = (code: string, message = "said hunter2-free") =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;

export const says =
  (status: number, body = "", headers: Record<string, string> = {}): ServeCall =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);
/** The first five bytes of an object of ten bytes. */
export const range = says(206, "01234", { "content-range": "bytes 0-4/10", etag: '"e"' });
