import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import type { ServerInfo } from "../../../../shared/domain/server-info.ts";
import { decodeRequest, decodeResponse, type Method } from "../../../../shared/wire/method.ts";
import { dataMethods } from "../../../../shared/wire/methods-data.ts";
import { jobsMethods } from "../../../../shared/wire/methods-jobs.ts";
import { serverMethods } from "../../../../shared/wire/methods-server.ts";
import { submitMethods } from "../../../../shared/wire/methods-submit.ts";
import { workMethods } from "../../../../shared/wire/methods-work.ts";
import { workersMethods } from "../../../../shared/wire/methods-workers.ts";
import { jobDescription, jobSpec } from "../../../support/job-arbitraries.ts";
import * as any from "../../../support/wire-arbitraries.ts";

interface Case<Request, Response> {
  readonly method: Method<Request, Response>;
  readonly request: fc.Arbitrary<Request>;
  readonly response: fc.Arbitrary<Response>;
}

function roundTrip<Request, Response>({ method, request, response }: Case<Request, Response>): void {
  const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } = method.definition;
  damagedRequests(method, request);
  test(`${method.name}: requests and responses are decoded from protobuf bytes as they were encoded`, () => {
    fc.assert(
      fc.property(request, (value) => {
        const bytes = requestSerialize(method.request.encode(value));
        expect(comparable(decodeRequest(method, requestDeserialize(bytes)))).toStrictEqual(comparable(value));
      }),
    );
    fc.assert(
      fc.property(response, (value) => {
        const bytes = responseSerialize(method.response.encode(value));
        expect(comparable(decodeResponse(method, responseDeserialize(bytes)))).toStrictEqual(
          comparable(value),
        );
      }),
    );
  });
}

/** One changed byte of a message, at a random place and with a random value. */
const damage = fc.record({
  place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  byte: fc.nat(255),
});

function damagedRequests<Request>(method: Method<Request, unknown>, request: fc.Arbitrary<Request>): void {
  const { requestSerialize, requestDeserialize } = method.definition;
  test(`${method.name}: a damaged request is refused with an error or decoded to a valid request`, () => {
    fc.assert(
      fc.property(request, damage, (value, { place, byte }) => {
        const bytes = Buffer.from(requestSerialize(method.request.encode(value)));
        bytes[Math.floor(place * bytes.length)] = byte;
        let message: object;
        try {
          message = requestDeserialize(bytes);
        } catch {
          return;
        }
        try {
          const decoded = decodeRequest(method, message);
          const again = decodeRequest(
            method,
            requestDeserialize(requestSerialize(method.request.encode(decoded))),
          );
          expect(comparable(again)).toStrictEqual(comparable(decoded));
        } catch (error) {
          expect(error).toBeInstanceOf(ShardmillError);
        }
      }),
    );
  });
}

/** Converts values for comparison. Bytes arrive as a Buffer, which is another class than Uint8Array. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(comparable);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, comparable(inner)]));
}

const nothing = fc.constant(undefined);
const noArguments = fc.constant({});
const ofJob = fc.record({ session: any.session, jobId: any.name });
const ofLease = fc.record({ session: any.session, lease: any.leaseRef });
const jobId = fc.record({ jobId: any.text });
const ofFile = fc.record({ session: any.session, jobId: any.name, path: any.name });

describe("WorkService", () => {
  roundTrip({ method: workMethods.register, request: any.registration, response: any.registered });
  roundTrip({ method: workMethods.describeJob, request: ofJob, response: jobDescription });
  roundTrip({
    method: workMethods.requestLease,
    request: fc.record({
      session: any.session,
      waitMs: any.uint32,
      running: fc.array(any.leaseRef, { maxLength: 4 }),
    }),
    response: any.leaseAnswer,
  });
  roundTrip({ method: workMethods.heartbeat, request: any.heartbeat, response: any.leaseStates });
  roundTrip({
    method: workMethods.offerPartial,
    request: fc.record({
      ...{ session: any.session, jobId: any.name, partial: any.partial },
      traceparent: fc.string({ maxLength: 60 }),
    }),
    response: any.offerAnswer,
  });
  roundTrip({
    method: workMethods.failAttempt,
    request: fc.record({ session: any.session, lease: any.leaseRef, error: any.errorData }),
    response: nothing,
  });
  roundTrip({ method: workMethods.releaseLease, request: ofLease, response: nothing });
  roundTrip({
    method: workMethods.leave,
    request: fc.record({ session: any.session, gpuFault: fc.option(any.name) }),
    response: nothing,
  });
  roundTrip({
    method: workMethods.calls,
    request: fc.record({ call: any.uint32, method: any.text, request: any.chunk }),
    response: fc.record({
      call: any.uint32,
      response: fc.option(any.chunk),
      failure: fc.option(fc.record({ code: any.uint32, message: any.text, error: any.chunk })),
    }),
  });
});

describe("DataService", () => {
  roundTrip({
    method: dataMethods.statFile,
    request: ofFile,
    response: fc.record({ bytes: any.count, version: any.text }),
  });
  roundTrip({
    method: dataMethods.readRange,
    request: fc
      .tuple(ofFile, any.count, any.count)
      .map(([file, a, b]) => ({ ...file, start: Math.min(a, b), end: Math.max(a, b) })),
    response: any.chunk,
  });
  roundTrip({
    method: dataMethods.putPartialFile,
    request: fc.oneof(
      any.putHeader.map((header) => ({ kind: "header" as const, header })),
      any.chunk.map((chunk) => ({ kind: "chunk" as const, chunk })),
    ),
    response: nothing,
  });
});

describe("JobsService", () => {
  const one = any.jobStatus;
  const writtenJob = fc.record({
    text: any.chunk,
    path: any.text.map((path) => `/${path}`),
    set: fc.array(any.text, { maxLength: 3 }),
    variables: fc.dictionary(any.text, any.text, { maxKeys: 3, noNullPrototype: true }),
    at: any.text,
  });
  roundTrip({
    method: submitMethods.submitJob,
    request: fc.record(
      { job: fc.oneof(jobSpec, writtenJob), fresh: fc.boolean(), priority: any.integer },
      { requiredKeys: ["job", "fresh"] },
    ),
    response: any.submittedJob,
  });
  roundTrip({ method: jobsMethods.getJob, request: jobId, response: one });
  roundTrip({
    method: jobsMethods.listJobs,
    request: noArguments,
    response: fc.array(one, { maxLength: 3 }),
  });
  roundTrip({ method: jobsMethods.watchJob, request: jobId, response: one });
  roundTrip({
    method: jobsMethods.cancelJob,
    request: fc.record({ jobId: any.text, reason: any.text }),
    response: one,
  });
  roundTrip({ method: jobsMethods.pauseJob, request: jobId, response: one });
  roundTrip({ method: jobsMethods.resumeJob, request: jobId, response: one });
  roundTrip({
    method: jobsMethods.setJobPriority,
    request: fc.record({ jobId: any.text, priority: any.integer }),
    response: one,
  });
});

const serverInfo: fc.Arbitrary<ServerInfo> = fc.record({
  build: any.text,
  protocol: fc.record({ oldest: any.uint32, newest: any.uint32 }),
  mapping: any.text,
  startedMs: any.count,
  takesJobs: fc.boolean(),
  remembersJobs: fc.boolean(),
  serves: fc.array(any.text, { maxLength: 3 }),
});

describe("ServerService", () => {
  roundTrip({ method: serverMethods.getServerInfo, request: noArguments, response: serverInfo });
});

describe("WorkersService", () => {
  roundTrip({
    method: workersMethods.listWorkers,
    request: noArguments,
    response: fc.array(any.workerStatus, { maxLength: 3 }),
  });
});
