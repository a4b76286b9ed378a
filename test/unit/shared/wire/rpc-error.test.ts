import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../../../../shared/core/error-codes.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { fromStatus, toStatus } from "../../../../shared/wire/rpc-error.ts";

const credential = { path: "/home/u/secret", secret: null };
const call = { address: "node7:7070", method: "Heartbeat", credential };

function serviceError(code: status, details: string, metadata = new Metadata()): ServiceError {
  return Object.assign(new Error(`${code} ${details}`), { code, details, metadata });
}

describe("an error of the transport", () => {
  const refused =
    "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:7070. Resolution note: ";
  const selfSigned =
    "No connection established. Last error: Error: self-signed certificate. Resolution note: ";
  const wrongName =
    "No connection established. Last error: Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match " +
    "certificate's altnames: Host: a. is not cert's CN: b. Resolution note: ";
  const plaintext =
    "No connection established. Last error: Error: 807C:error:0A00010B:SSL routines:ssl3_get_record:" +
    "wrong version number:ssl3_record.c:350:\n. Resolution note: ";
  const cases: [what: string, code: status, details: string, expected: ErrorCode][] = [
    ["a refused connection", status.UNAVAILABLE, refused, "COORDINATOR_UNREACHABLE"],
    ["a name that is not found", status.UNAVAILABLE, "Name resolution failed", "COORDINATOR_UNREACHABLE"],
    ["a self-signed certificate", status.UNAVAILABLE, selfSigned, "CERTIFICATE_REFUSED"],
    ["a certificate of another name", status.UNAVAILABLE, wrongName, "CERTIFICATE_REFUSED"],
    ["TLS to a server without it", status.UNAVAILABLE, plaintext, "CERTIFICATE_REFUSED"],
    ["a call that the server cancelled", status.CANCELLED, "Call cancelled", "COORDINATOR_UNREACHABLE"],
    ["a late response", status.DEADLINE_EXCEEDED, "Deadline exceeded", "DEADLINE_EXCEEDED"],
    ["a message too large", status.RESOURCE_EXHAUSTED, "larger than max", "RESOURCE_EXHAUSTED"],
    ["an unknown method", status.UNIMPLEMENTED, "not implemented", "VERSION_SKEW"],
    ["any other status", status.UNKNOWN, "?", "RPC_FAILED"],
    ["a crash in the server's gRPC", status.INTERNAL, "Error deserializing request", "RPC_FAILED"],
  ];
  test.each(cases)("%s has its error code", (_what, code, details, expected) => {
    expect(fromStatus(serviceError(code, details), call)).toMatchObject({
      code: expected,
      fields: { address: "node7:7070" },
    });
  });

  test("an unreachable coordinator is named with the reason and a hint", () => {
    const error = fromStatus(serviceError(status.UNAVAILABLE, refused), call);
    expect(error.message).toBe("no coordinator at node7:7070: connect ECONNREFUSED 127.0.0.1:7070");
    expect(error.hint).toContain("shardmill coordinator");
  });
});

describe("an error of the coordinator", () => {
  test("an error is received as it was sent", () => {
    const sent = new ShardmillError("LEASE_STALE", "lease is stale", { fields: { shard: 7 }, hint: "stop" });
    const { code, details, metadata } = toStatus(sent);
    expect(code).toBe(status.FAILED_PRECONDITION);
    expect(details).toBe("lease is stale (LEASE_STALE); hint: stop");
    const received = fromStatus(serviceError(code, details, metadata), call);
    expect(received).toMatchObject({ code: "LEASE_STALE", fields: { shard: 7 }, hint: "stop" });
  });

  test("the text of the status has each problem with its place, and the hint", () => {
    const problems = [{ where: "input.path", what: "no such file", expected: "a file", found: "./a" }];
    const { details } = toStatus(new ShardmillError("SPEC_INVALID", "1 problem", { problems, hint: "look" }));
    expect(details).toBe(
      "1 problem (SPEC_INVALID); input.path: no such file (expected a file, found ./a); hint: look",
    );
  });

  test("an error with an unknown code is RPC_FAILED with its text", () => {
    const { metadata } = toStatus(new ShardmillError("INTERNAL", "x"));
    metadata.set("shardmill-error-bin", Buffer.from([0x0a, 0x03, 0x4e, 0x45, 0x57]));
    const received = fromStatus(serviceError(status.ABORTED, "from the future", metadata), call);
    expect(received).toMatchObject({ code: "RPC_FAILED", message: "from the future" });
  });

  test("half a character in a message is replaced in the status", () => {
    const { details } = toStatus(new ShardmillError("INPUT_NOT_FOUND", "no file \ud800.parquet"));
    expect(details).toBe("no file \ufffd.parquet (INPUT_NOT_FOUND)");
    expect(() => encodeURI(details)).not.toThrow();
  });

  test("an error that is too large to send keeps its code and message", () => {
    const fields = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, "v".repeat(1000)]));
    const { code, details, metadata } = toStatus(new ShardmillError("INPUT_CORRUPT", "bad", { fields }));
    const received = fromStatus(serviceError(code, details, metadata), call);
    expect(received).toMatchObject({ code: "INPUT_CORRUPT", message: "bad" });
    expect(metadata.get("shardmill-error-bin")).toHaveLength(1);
  });

  test.each(["x", "ü", "\u{1f600}", "%"])(
    "many problems with the character %s fit into the 8 KiB of gRPC's C core",
    (character) => {
      const problems = Array.from({ length: 300 }, (_, at) => ({
        where: `map.keep[${at}]`,
        what: character.repeat(200),
      }));
      const { details, metadata } = toStatus(
        new ShardmillError("SPEC_INVALID", "300 problems", { problems }),
      );
      const trailer = metadata.get("shardmill-error-bin")[0] ?? "";
      const sentBytes = Buffer.from(trailer).toString("base64").length + encodeURIComponent(details).length;
      // HPACK counts 32 bytes for each header besides its name.
      expect(sentBytes + 512).toBeLessThan(8192);
      const received = fromStatus(serviceError(status.INVALID_ARGUMENT, details, metadata), call);
      expect(received).toMatchObject({
        code: "SPEC_INVALID",
        problems: expect.arrayContaining([problems[0]]),
      });
    },
  );
});
