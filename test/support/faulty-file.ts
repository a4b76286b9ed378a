import type { IncomingMessage, ServerResponse } from "node:http";
import { type ServeCall, serveRange } from "./web-server.ts";

/** A temporary fault of one answer. `after`: bytes of the body that still arrive. */
export type Fault =
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "reset" }
  | { readonly kind: "silence" }
  | { readonly kind: "resetInBody" | "cutInBody" | "silenceInBody"; readonly after: number }
  | { readonly kind: "lessThanAsked"; readonly bytes: number };

export interface FaultyFile {
  readonly serve: ServeCall;
  /** Faults that have not happened yet. */
  readonly left: Fault[];
  /** Range of each request. */
  readonly ranges: string[];
}

/** Serves a file with these faults, one per answer, and then without faults. */
export function faultyFile(bytes: Uint8Array, faults: readonly Fault[]): FaultyFile {
  const left = [...faults];
  const ranges: string[] = [];
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const { range = "" } = request.headers;
    ranges.push(range);
    const fault = left.shift();
    if (fault === undefined) serveRange(request, response, bytes);
    else fail(fault, request, response, bytes);
  };
  return { serve, left, ranges };
}

function fail(fault: Fault, request: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void {
  const { socket } = request;
  const [, first = "0", last = "0"] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  const [start, end] = [Number(first), Math.min(Number(last) + 1, bytes.length)];
  switch (fault.kind) {
    case "status":
      response.writeHead(fault.status).end("<html>not now</html>");
      return;
    case "reset":
      socket.resetAndDestroy();
      return;
    case "silence":
      return;
    case "lessThanAsked": {
      const until = Math.min(end, start + fault.bytes);
      response.writeHead(206, {
        "content-range": `bytes ${start}-${until - 1}/${bytes.length}`,
        etag: `"${bytes.length}"`,
      });
      response.end(bytes.subarray(start, until));
      return;
    }
    default: {
      response.writeHead(206, {
        "content-range": `bytes ${start}-${end - 1}/${bytes.length}`,
        "content-length": end - start,
        etag: `"${bytes.length}"`,
      });
      response.flushHeaders();
      const then = () => {
        if (fault.kind === "resetInBody") socket.resetAndDestroy();
        if (fault.kind === "cutInBody") socket.end();
      };
      // All but the last byte, so that a part is still missing.
      const some = bytes.subarray(start, Math.min(end - 1, start + fault.after));
      if (some.length === 0) setImmediate(then);
      else response.write(some, then);
    }
  }
}
