import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ownMapping } from "../../../shared/core/mapping.ts";
import { PROTOCOL } from "../../../shared/wire/protocol.ts";
import { type Listening, startListening, startWorker, until } from "../../support/job-processes.ts";
import { KnownJob } from "../../support/known-job.ts";
import type { CliProcess } from "../../support/processes.ts";

/** Third-party clients of a real coordinator, which `npm run clients` fetches. */

const folder = process.env.SHARDMILL_FOREIGN ?? "";
const LIMIT_MS = 20_000;

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let job: KnownJob;
let listening: Listening;
let worker: CliProcess;
let secret: string;

beforeAll(async () => {
  job = await KnownJob.make({
    rows: 1_600,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
  });
  const file = join(job.folder, "secret");
  const options = ["--listen", "127.0.0.1:0", "--secret-file", file];
  listening = await startListening(job, ["coordinator", job.path, ...options], { limitMs: 300_000 });
  secret = (await readFile(file, "utf8")).trim();
  worker = startWorker(job, listening.address, ["--secret-file", file], { limitMs: 300_000 });
  await until("a worker", async () => ((await grpcurl("WorkersService/ListWorkers")).workers ? true : null));
  // Stopped, so that the job lasts as long as the tests.
  worker.killGroup("SIGSTOP");
});

afterAll(async () => {
  worker?.killGroup("SIGKILL");
  await listening?.cli[Symbol.asyncDispose]();
  await job?.[Symbol.asyncDispose]();
});

function run(client: string, args: readonly string[], env: Record<string, string> = {}): Promise<Said> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, timeout: LIMIT_MS };
    execFile(join(folder, client), [...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

/**
 * Arguments for calls with the secret, as the README names them. `grpcurl` reads the secret from a variable,
 * because every user of the machine can see the arguments.
 */
const KNOWN = ["-plaintext", "-expand-headers", "-H", "authorization: Bearer ${SECRET}"];

function known(...args: readonly string[]): Promise<Said> {
  return run("grpcurl", [...KNOWN, ...args], { SECRET: secret });
}

/** Makes one call by reflection only. */
async function grpcurl(method: string, request: object = {}): Promise<Record<string, unknown>> {
  const call = ["-d", JSON.stringify(request), listening.address, `shardmill.v1.${method}`];
  const { code, stdout, stderr } = await known(...call);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** A call that lasts until the server ends it. */
class Watch implements Disposable {
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  #text = "";

  constructor(request: object) {
    const call = ["-d", JSON.stringify(request), listening.address, "shardmill.v1.JobsService/WatchJob"];
    const env = { ...process.env, SECRET: secret };
    this.#child = spawn(join(folder, "grpcurl"), [...KNOWN, ...call], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child.stdout?.on("data", (bytes: Buffer) => {
      this.#text += bytes.toString();
    });
    this.ended = new Promise((resolve) => this.#child.once("close", resolve));
  }

  saw(text: string): Promise<true> {
    return until(text, async () => (this.#text.includes(text) ? true : null));
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

describe("health", () => {
  const services = ["", "shardmill.v1.JobsService", "shardmill.v1.WorkService"];

  test.each(services)("grpc-health-probe reads the health of %j without a secret", async (service) => {
    const { address } = listening;
    const args = ["-addr", address, ...(service === "" ? [] : ["-service", service])];
    expect(await run("grpc-health-probe", args)).toMatchObject({ code: 0 });
    const unknown = await run("grpc-health-probe", ["-addr", address, "-service", "unknown"]);
    expect(unknown.code).not.toBe(0);
  });

  test("grpcurl checks and watches the health of the coordinator", async () => {
    const { address } = listening;
    expect((await known(address, "grpc.health.v1.Health/Check")).stdout).toContain("SERVING");
    const watched = await known("-max-time", "1", address, "grpc.health.v1.Health/Watch");
    expect(watched.stdout).toContain("SERVING");
  });
});

describe("grpcurl", () => {
  test("lists the services and their methods, and exits", async () => {
    const services = await known(listening.address, "list");
    expect(services).toMatchObject({ code: 0, stderr: "" });
    expect(services.stdout.trim().split("\n")).toEqual([
      "externalscaler.ExternalScaler",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "shardmill.v1.DataService",
      "shardmill.v1.JobsService",
      "shardmill.v1.ServerService",
      "shardmill.v1.WorkService",
      "shardmill.v1.WorkersService",
    ]);
    const methods = await known(listening.address, "list", "shardmill.v1.JobsService");
    expect(methods.stdout).toContain("shardmill.v1.JobsService.WatchJob");
  });

  test("describes all services, every message, a map field and an enum", async () => {
    const all = await known(listening.address, "describe");
    expect(all).toMatchObject({ code: 0, stderr: "" });
    const messages = new Set(all.stdout.match(/(?<=\.)shardmill\.v1\.\w+/g));
    expect(messages.size).toBeGreaterThan(20);
    for (const message of messages) {
      expect(await known(listening.address, "describe", message), message).toMatchObject({
        code: 0,
        stderr: "",
      });
    }
    const error = await known(listening.address, "describe", "shardmill.v1.ErrorDetail");
    expect(error.stdout).toContain("map<string, string> fields = 4;");
    const phase = await known(listening.address, "describe", "shardmill.v1.JobPhase");
    expect(phase.stdout).toContain("JOB_PHASE_REDUCING = 3;");
    const template = await known("-msg-template", listening.address, "describe", "shardmill.v1.JobStatus");
    expect(template).toMatchObject({ code: 0, stdout: expect.stringContaining('"rowsTotal"') });
  });

  test("reads jobs, workers and the server's information", async () => {
    const { jobs } = await grpcurl("JobsService/ListJobs");
    const status = { name: "known", phase: "JOB_PHASE_RUNNING", rowsTotal: "1600", shardsTotal: 16 };
    expect(jobs).toMatchObject([status]);
    const { job: only } = await grpcurl("JobsService/GetJob");
    expect(only).toMatchObject(status);
    const { jobId } = only as { jobId: string };
    expect(await grpcurl("JobsService/GetJob", { job_id: jobId })).toMatchObject({ job: status });
    expect(await grpcurl("ServerService/GetServerInfo")).toMatchObject({
      protocol: { oldest: PROTOCOL.oldest, newest: PROTOCOL.newest },
      mapping: ownMapping(),
    });
    expect(await grpcurl("WorkersService/ListWorkers")).toMatchObject({
      workers: [{ device: "DEVICE_CPU" }],
    });
  });

  test("receives the code and the hint of a refused call", async () => {
    const call = (method: string, request: object) =>
      known("-d", JSON.stringify(request), listening.address, `shardmill.v1.${method}`);
    const unknown = await call("JobsService/GetJob", { jobId: "unknown" });
    expect(unknown.code).not.toBe(0);
    expect(unknown.stderr).toMatch(/Code: NotFound[\s\S]*JOB_NOT_FOUND/);
    const submit = await call("JobsService/SubmitJob", { specJson: "e30=" });
    expect(submit.stderr).toMatch(/Code: PermissionDenied[\s\S]*SUBMIT_REFUSED[\s\S]*hint: /);
  });

  test("is refused without the secret, also for reflection", async () => {
    for (const args of [["list"], ["describe"], ["shardmill.v1.JobsService/ListJobs"]]) {
      const refused = await run("grpcurl", ["-plaintext", listening.address, ...args]);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain("SECRET_REFUSED");
    }
    const proto = ["-import-path", "proto", "-proto", "shardmill/v1/data.proto"];
    const read = [
      "-d",
      '{"path":"/etc/passwd","end":10}',
      listening.address,
      "shardmill.v1.DataService/ReadRange",
    ];
    expect((await run("grpcurl", ["-plaintext", ...proto, ...read])).stderr).toContain("Unauthenticated");
  });

  test("reads the wanted number of workers as KEDA does, with the token in the message", async () => {
    const ask = (method: string, metadata: Record<string, string>) => {
      const ref = { name: "workers", namespace: "ml", scalerMetadata: metadata };
      const message = JSON.stringify(method === "GetMetrics" ? { scaledObjectRef: ref } : ref);
      const proto = ["-import-path", "proto", "-proto", "externalscaler/externalscaler.proto"];
      const call = [listening.address, `externalscaler.ExternalScaler/${method}`];
      return run("grpcurl", ["-plaintext", "-max-time", "2", ...proto, "-d", message, ...call]);
    };
    const trigger = { tokenFromEnv: secret, shardsPerWorker: "5" };
    expect(JSON.parse((await ask("GetMetrics", trigger)).stdout)).toMatchObject({
      metricValues: [{ metricName: "shardmill-workers", metricValueFloat: 4 }],
    });
    expect((await ask("StreamIsActive", trigger)).stdout).toContain('"result": true');
    const stranger = await ask("IsActive", { shardsPerWorker: "5" });
    expect(stranger.stderr).toMatch(/Unauthenticated[\s\S]*SECRET_REFUSED[\s\S]*tokenFromEnv/);
    const wrong = await ask("IsActive", { tokenFromEnv: secret });
    expect(wrong.stderr).toMatch(/InvalidArgument[\s\S]*shardsPerWorker: is missing/);
  });

  test("watches a job until it is cancelled", async () => {
    const { job: running } = await grpcurl("JobsService/GetJob");
    const { jobId } = running as { jobId: string };
    using watch = new Watch({ jobId });
    await watch.saw('"phase": "JOB_PHASE_RUNNING"');
    const cancelled = await grpcurl("JobsService/CancelJob", { jobId, reason: "asked by another client" });
    expect(cancelled).toMatchObject({
      job: { phase: "JOB_PHASE_CANCELLED", failure: { code: "JOB_CANCELLED" } },
    });
    await watch.saw('"phase": "JOB_PHASE_CANCELLED"');
    expect(await watch.ended).toBe(0);
  });
});
