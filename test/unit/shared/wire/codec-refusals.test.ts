import { describe, expect, test } from "vitest";
import { decodeRequest, decodeResponse } from "../../../../shared/wire/method.ts";
import { dataMethods } from "../../../../shared/wire/methods-data.ts";
import { jobsMethods } from "../../../../shared/wire/methods-jobs.ts";
import { submitMethods } from "../../../../shared/wire/methods-submit.ts";
import { workMethods } from "../../../../shared/wire/methods-work.ts";

/** Returns an empty message as it arrives from the wire. */
function empty(method: (typeof workMethods)[keyof typeof workMethods]): object {
  return method.definition.responseDeserialize(Buffer.alloc(0));
}

const FILE = {
  path: "/a",
  format: "DATASET_FORMAT_PARQUET",
  bytes: 1,
  mtimeMs: 1,
  rows: 9,
  footerSha256: "",
};

function leaseAnswer(changes: object): object {
  const { responseSerialize, responseDeserialize } = workMethods.requestLease.definition;
  const token = { generation: 1, sequence: 1 };
  const shard = { id: 1, rowStart: 0, rowEnd: 5 };
  const slices = [{ file: FILE, rowStart: 3, rowEnd: 8 }];
  const lease = { jobId: "j", token, shard, slices, leaseMs: 1, ...changes };
  return responseDeserialize(responseSerialize({ lease }));
}

const rpcFailed = (place: string) => expect.objectContaining({ code: "RPC_FAILED", fields: { place } });
const argumentInvalid = (place: string) =>
  expect.objectContaining({ code: "ARGUMENT_INVALID", fields: { place } });

describe("an invalid response", () => {
  test("an unset oneof is refused with its place", () => {
    expect(() => decodeResponse(workMethods.requestLease, empty(workMethods.requestLease))).toThrow(
      rpcFailed("RequestLeaseResponse.result"),
    );
    expect(() => decodeResponse(workMethods.offerPartial, empty(workMethods.offerPartial))).toThrow(
      rpcFailed("OfferPartialResponse.outcome"),
    );
  });

  test("a complete lease is accepted", () => {
    expect(decodeResponse(workMethods.requestLease, leaseAnswer({}))).toMatchObject({ kind: "lease" });
  });

  test.each([
    ["a missing message", { token: null }, "lease.token"],
    ["an empty id", { jobId: "" }, "lease.jobId"],
    ["an unknown word", { slices: [{ file: { ...FILE, format: 77 } }] }, "lease.slices[0].file.format"],
    ["a lease without rows of a file", { slices: [] }, "lease.slices"],
    [
      "a lease with fewer rows than its shard",
      { slices: [{ file: FILE, rowStart: 0, rowEnd: 4 }] },
      "lease.slices",
    ],
    ["a range that ends before it starts", { shard: { rowStart: 9, rowEnd: 5 } }, "lease.shard.rowEnd"],
    ["a count beyond 2^53", { shard: { rowStart: 0, rowEnd: 2 ** 60 } }, "lease.shard.rowEnd"],
  ])("%s is refused with its place", (_what, changes, place) => {
    expect(() => decodeResponse(workMethods.requestLease, leaseAnswer(changes))).toThrow(
      rpcFailed(`RequestLeaseResponse.${place}`),
    );
  });

  test("a status with an unknown phase is refused with its place", () => {
    const { responseSerialize, responseDeserialize } = jobsMethods.getJob.definition;
    const message = responseDeserialize(responseSerialize({ job: { jobId: "j", phase: 77 } }));
    expect(() => decodeResponse(jobsMethods.getJob, message)).toThrow(rpcFailed("GetJobResponse.job.phase"));
  });

  test("an invalid job description is refused with a hint about versions", () => {
    const message = { descriptionJson: Buffer.from('{"jobId":"j"}') };
    expect(() => decodeResponse(workMethods.describeJob, message)).toThrow(
      expect.objectContaining({ code: "RPC_FAILED", hint: expect.stringContaining("same version") }),
    );
  });
});

describe("an invalid request", () => {
  test("an empty session is refused with ARGUMENT_INVALID", () => {
    expect(() => decodeRequest(workMethods.leave, { session: "" })).toThrow(
      argumentInvalid("LeaveRequest.session"),
    );
  });

  test("an unknown stage is refused with ARGUMENT_INVALID", () => {
    const message = { session: "s", leases: [], busy: { sleep: 1 } };
    expect(() => decodeRequest(workMethods.heartbeat, message)).toThrow(
      argumentInvalid("HeartbeatRequest.busy.sleep"),
    );
  });

  test("an unknown error code is refused with ARGUMENT_INVALID", () => {
    const lease = { jobId: "j", shard: 1, token: { generation: 1, sequence: 1 } };
    const error = { code: "NEW", message: "", fields: {}, problems: [] };
    expect(() => decodeRequest(workMethods.failAttempt, { session: "s", lease, error })).toThrow(
      argumentInvalid("FailAttemptRequest.error.code"),
    );
  });

  test("an error field that is not a JSON scalar is refused with ARGUMENT_INVALID", () => {
    const lease = { jobId: "j", shard: 1, token: { generation: 1, sequence: 1 } };
    for (const json of ["[1]", "{", ""]) {
      const error = { code: "INTERNAL", message: "", fields: { x: json }, problems: [] };
      expect(() => decodeRequest(workMethods.failAttempt, { session: "s", lease, error })).toThrow(
        argumentInvalid("FailAttemptRequest.error.fields.x"),
      );
    }
  });

  test("an empty part of an upload and a chunk over 1 MiB are refused with ARGUMENT_INVALID", () => {
    expect(() => decodeRequest(dataMethods.putPartialFile, {})).toThrow(
      argumentInvalid("PutPartialFileRequest.part"),
    );
    const large = { part: "chunk", chunk: Buffer.alloc((1 << 20) + 1) };
    expect(() => decodeRequest(dataMethods.putPartialFile, large)).toThrow(
      argumentInvalid("PutPartialFileRequest.chunk"),
    );
  });

  test("an invalid job spec is refused with SPEC_INVALID and its problems", () => {
    const spec = {
      name: "x",
      input: { path: ["a"] },
      model: { path: "/m", device: "abacus" },
      output: 1,
      more: 1,
    };
    const message = { specJson: Buffer.from(JSON.stringify(spec)), fresh: false };
    expect(() => decodeRequest(submitMethods.submitJob, message)).toThrow(
      expect.objectContaining({
        code: "SPEC_INVALID",
        problems: expect.arrayContaining([
          expect.objectContaining({ where: "model.device" }),
          expect.objectContaining({ where: "output" }),
          expect.objectContaining({ where: "" }),
        ]),
      }),
    );
    for (const json of ["", "null", "[", "\xff"]) {
      const broken = { specJson: Buffer.from(json, "latin1"), fresh: false };
      expect(() => decodeRequest(submitMethods.submitJob, broken)).toThrow(
        expect.objectContaining({ code: "SPEC_INVALID" }),
      );
    }
  });

  test("a job spec with a relative path is refused with SPEC_INVALID", () => {
    const spec = {
      name: "x",
      input: { path: ["/a"] },
      model: { path: "m.onnx" },
      output: { path: "/out" },
    };
    const message = { specJson: Buffer.from(JSON.stringify(spec)), fresh: false };
    expect(() => decodeRequest(submitMethods.submitJob, message)).toThrow(
      expect.objectContaining({
        code: "SPEC_INVALID",
        problems: [expect.objectContaining({ where: "m.onnx" })],
      }),
    );
  });
});
