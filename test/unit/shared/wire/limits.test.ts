import type { MethodDefinition } from "@grpc/proto-loader";
import { describe, expect, test } from "vitest";
import { errorToData, ShardmillError } from "../../../../shared/core/errors.ts";
import type { DeviceReport } from "../../../../shared/domain/accuracy.ts";
import { JOB_FILE_SCHEMA } from "../../../../shared/domain/job-spec.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { checkLimits, REQUEST_LIMITS } from "../../../../shared/wire/limits.ts";
import { messageDefinition, SERVICE_NAMES, serviceDefinition } from "../../../../shared/wire/load-protos.ts";
import { decodeRequest, type Method } from "../../../../shared/wire/method.ts";
import { submitMethods } from "../../../../shared/wire/methods-submit.ts";
import { workMethods } from "../../../../shared/wire/methods-work.ts";
import { MAX_REQUEST_BYTES } from "../../../../shared/wire/services.ts";
import { aJobId } from "../../../support/ids.ts";

/** Maximum number of reductions in a job file. The manifest lists a file for each. */
const MOST_REDUCTIONS = 1_000;

interface FieldType {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

interface MessageType {
  readonly name: string;
  readonly field: readonly FieldType[];
  readonly nestedType: readonly { readonly name: string }[];
}

const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Returns the paths of all repeated fields and maps in a message, including nested ones. */
function manyIn(type: MessageType, place: string): string[] {
  return type.field.flatMap((field) => {
    const at = `${place}.${camel(field.name)}`;
    const own = field.label === "LABEL_REPEATED" ? [at] : [];
    const isEntry = type.nestedType.some(({ name }) => name === field.typeName);
    if (field.type !== "TYPE_MESSAGE" || isEntry) return own;
    const inner = messageDefinition(field.typeName.split(".").at(-1) ?? "").type as MessageType;
    return [...own, ...manyIn(inner, at)];
  });
}

function through<Request>(method: Method<Request, unknown>, message: object): Request {
  const { requestSerialize, requestDeserialize } = method.definition as MethodDefinition<object, object>;
  return decodeRequest(method, requestDeserialize(requestSerialize(message)));
}

const lease = { jobId: aJobId("j"), shard: 1, token: { generation: 1, sequence: 1 } };
const invalid = (place: string) => expect.objectContaining({ code: "ARGUMENT_INVALID", fields: { place } });

describe("the limits of requests", () => {
  test("the lists and maps in requests are exactly those with a limit", () => {
    const requests = SERVICE_NAMES.flatMap((service) => Object.values(serviceDefinition(service)));
    const places = requests.flatMap(({ requestType }) => {
      const type = requestType.type as MessageType;
      return manyIn(type, type.name);
    });
    expect(places.sort()).toEqual(Object.keys(REQUEST_LIMITS.items).sort());
  });

  test("a heartbeat with more than 4,096 leases is refused before its leases are read", () => {
    const leases = (count: number, wrong = {}) => ({
      session: "s",
      leases: Array(count).fill({ lease, rowsDone: 1, ...wrong }),
    });
    expect(() => through(workMethods.heartbeat, leases(1, { lease: {} }))).toThrow(/leases\[0\]/);
    expect(() => through(workMethods.heartbeat, leases(4_097, { lease: {} }))).toThrow(
      invalid("HeartbeatRequest.leases"),
    );
    expect(through(workMethods.heartbeat, leases(4_096)).leases).toHaveLength(4_096);
    expect(() => through(workMethods.heartbeat, leases(4_097))).toThrow(invalid("HeartbeatRequest.leases"));
  });

  test("a text beyond its limit is refused", () => {
    const register = (name: string) => ({ name, device: "DEVICE_CPU", protocol: {} });
    expect(through(workMethods.register, register("x".repeat(4_096))).name).toHaveLength(4_096);
    expect(() => through(workMethods.register, register("x".repeat(4_097)))).toThrow(
      invalid("RegisterRequest.name"),
    );
  });

  test("a text in a list or a map has the limit of that field, and a key has 4,096 characters", () => {
    const submit = (jobFile: object) =>
      through(submitMethods.submitJob, { jobFile: { path: "/job.yaml", ...jobFile } });
    const long = "x".repeat(65_536);
    expect(submit({ set: [long], variables: { A: long } }).job).toMatchObject({ set: [long] });
    expect(() => submit({ set: ["a", `${long}x`] })).toThrow(invalid("SubmitJobRequest.jobFile.set"));
    const key = "k".repeat(4_096);
    expect(submit({ variables: { [key]: "" } }).job).toMatchObject({ variables: { [key]: "" } });
    for (const variables of [{ A: `${long}x` }, { [`${key}k`]: "" }])
      expect(() => submit({ variables })).toThrow(invalid("SubmitJobRequest.jobFile.variables"));
  });

  test("a list or a map without a limit is refused", () => {
    const limits = { items: {}, text: { other: 1 } };
    expect(() => checkLimits({ inner: { names: ["a"] } }, "R", limits)).toThrow(
      expect.objectContaining({ fields: { place: "R.inner.names" } }),
    );
  });

  test("a worker's report of a failure is cut to the limits instead of being refused", () => {
    const problems = Array(300).fill({ where: "a", what: "b".repeat(9_000) });
    const fields = Object.fromEntries(
      Array.from({ length: 100 }, (_, at) => [`f${at}`, "\u0001".repeat(9_000)]),
    );
    const error = errorToData(new ShardmillError("MODEL_FAILED", "é".repeat(200_000), { fields, problems }));
    const request = { session: workerSession("s"), lease: { ...lease, shard: shardId(1) }, error };
    const arrived = through(workMethods.failAttempt, workMethods.failAttempt.request.encode(request));
    expect(arrived.error.message).toHaveLength(65_536);
    expect(arrived.error.message.endsWith("é…")).toBe(true);
    expect(Object.keys(arrived.error.fields)).toHaveLength(64);
    expect(arrived.error.problems).toHaveLength(256);
  });

  test("a worker's report of its device is cut to the limits instead of being refused", () => {
    const worst = { file: "a.parquet", row: 1, index: 0, expected: "1", found: "2", relative: 1 };
    const output = {
      tensor: "t",
      maxError: 1,
      meanError: 1,
      meanCosine: null,
      leastCosine: null,
      agreement: null,
      ranked: false,
      notFiniteRows: 0,
      maxRelative: null,
      beyondRows: 1,
      worst: [worst],
    };
    const limits = { tolerance: 1, maxBeyond: 0, minCosine: 0.9, minAgreement: 0.9 };
    const report: DeviceReport = {
      worker: "w",
      device: "webgpu",
      gpu: null,
      onnxruntimeVersion: "1",
      remembered: false,
      refusal: "x".repeat(70_000),
      rows: 1,
      failedRows: 0,
      seconds: 1,
      outputs: Array(1_025).fill(output),
      ...limits,
    };
    const said = { session: workerSession("s"), jobId: aJobId("j"), report };
    const arrived = through(workMethods.reportDevice, workMethods.reportDevice.request.encode(said));
    expect(arrived.report.refusal).toHaveLength(65_536);
    expect(arrived.report.outputs).toHaveLength(1_024);
  });

  test("a partial with as many reductions as a job may have can be offered", () => {
    // Rows, their copy for SQL, and dead letters.
    const files = MOST_REDUCTIONS + 3;
    expect(files).toBeLessThanOrEqual(REQUEST_LIMITS.items["OfferPartialRequest.partial.files"] ?? 0);
    const final = "SELECT 1";
    const jobOf = (count: number) => ({
      input: { path: "/data" },
      model: { path: "/m.onnx" },
      output: { path: "/out" },
      reduce: Object.fromEntries(Array.from({ length: count }, (_, at) => [`r${at}`, final])),
    });
    expect(JOB_FILE_SCHEMA.safeParse(jobOf(MOST_REDUCTIONS)).success).toBe(true);
    const { error } = JOB_FILE_SCHEMA.safeParse(jobOf(MOST_REDUCTIONS + 1));
    expect(error?.issues).toEqual([
      expect.objectContaining({ path: ["reduce"], message: "has too many reductions" }),
    ]);
  });

  test("the longest report of a failure fits into a request", () => {
    const long = "\u20ac".repeat(70_000);
    const problem = { where: long, what: long, expected: long, found: long, hint: long };
    const fields = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`f${at}`, long]));
    const options = { fields, problems: Array(256).fill(problem), hint: long };
    const error = errorToData(new ShardmillError("MODEL_FAILED", long, options));
    const { definition, request } = workMethods.failAttempt;
    const said = request.encode({
      session: workerSession("s"),
      lease: { ...lease, shard: shardId(1) },
      error,
    });
    expect(definition.requestSerialize(said).length).toBeLessThan(MAX_REQUEST_BYTES);
  });
});
