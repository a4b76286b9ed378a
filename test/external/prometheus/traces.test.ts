import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OutputManifest } from "../../../shared/domain/manifest.ts";
import { freePorts } from "../../support/foreign-server.ts";
import { until } from "../../support/job-processes.ts";
import { KnownJob } from "../../support/known-job.ts";
import { type CliResult, runCli } from "../../support/processes.ts";

/** Traces of a job at a real OTLP receiver, that of OpenTelemetry's Collector: `npm run seen`. */

interface Traced {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly facts: Readonly<Record<string, string>>;
  readonly failed: boolean;
}

type Value = Readonly<Record<string, unknown>>;
interface Attribute {
  readonly key: string;
  readonly value: Value;
}

let receiver: ChildProcess;
let endpoint: string;
let received = "";
let files: string;

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), "shardmill-traces-"));
  const [port = 0] = await freePorts(1);
  endpoint = `http://127.0.0.1:${port}`;
  receiver = spawn(join(process.env.SHARDMILL_FOREIGN ?? "", "collector-client"), [`127.0.0.1:${port}`]);
  receiver.stdout?.setEncoding("utf8").on("data", (text: string) => {
    received += text;
  });
  await new Promise<void>((resolve, reject) => {
    receiver.stderr?.setEncoding("utf8").once("data", () => resolve());
    receiver.once("error", reject);
    receiver.once("exit", (code) => reject(new Error(`the receiver ended with ${code}`)));
  });
});

afterAll(async () => {
  receiver.kill("SIGTERM");
  await rm(files, { recursive: true, force: true });
});

function factsOf(attributes: readonly Attribute[] = []): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]));
}

/** Returns all spans that the Collector has received. */
function spans(): Traced[] {
  const lines = received.split("\n").slice(0, -1);
  return lines.flatMap((line) =>
    // biome-ignore lint/suspicious/noExplicitAny: OTLP as JSON, by its own schema
    (JSON.parse(line) as any).resourceSpans.flatMap(({ resource, scopeSpans }: any) =>
      // biome-ignore lint/suspicious/noExplicitAny: as above
      scopeSpans.flatMap(({ spans: own }: any) =>
        // biome-ignore lint/suspicious/noExplicitAny: as above
        own.map((span: any) => ({
          service: factsOf(resource.attributes)["service.name"],
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId ?? "",
          name: span.name,
          startNs: BigInt(span.startTimeUnixNano),
          endNs: BigInt(span.endTimeUnixNano),
          facts: { ...factsOf(resource.attributes), ...factsOf(span.attributes) },
          failed: span.status?.code === 2,
        })),
      ),
    ),
  );
}

/** Runs a job, and records which scripts each of its processes loads. */
async function runTraced(
  job: KnownJob,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly result: CliResult; readonly tracing: number; readonly processes: number }> {
  const loaded = await mkdtemp(join(files, "loaded-"));
  const result = await runCli(["run", job.path, "--workers", "1"], {
    env: { ...job.env, NODE_V8_COVERAGE: loaded, ...env },
  });
  const reports = await Promise.all(
    (await readdir(loaded)).map((name) => readFile(join(loaded, name), "utf8")),
  );
  const tracing = reports.filter((text) => /otel-tracer/.test(text)).length;
  return { result, tracing, processes: reports.length };
}

async function manifestOf(job: KnownJob): Promise<OutputManifest> {
  return JSON.parse(await readFile(job.at("out", "_manifest.json"), "utf8"));
}

describe("traces", () => {
  test("the steps of a job and all attempts of its workers are in one tree", async () => {
    await using job = await KnownJob.make();
    const { result, tracing } = await runTraced(job, {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=a-test",
    });
    expect(result.code).toBe(0);
    expect(result.stderr).not.toContain("traces");
    expect(tracing).toBeGreaterThan(0);
    const { attempts, shards, job: published } = await manifestOf(job);
    const all = await until("all spans", async () => {
      const came = spans();
      const [root] = came.filter(({ name }) => name === "job");
      const ended = came.filter(({ name }) => name === "attempt").length === attempts;
      return root !== undefined && ended ? came : null;
    });
    const named = (name: string) => all.filter((span) => span.name === name);
    const [root] = named("job");
    expect(new Set(all.map(({ traceId }) => traceId)).size).toBe(1);
    expect(root).toMatchObject({ parentSpanId: "", service: "shardmill-coordinator", failed: false });
    expect(root?.facts).toMatchObject({
      "shardmill.job.id": published.id,
      "shardmill.job.name": "known",
      "deployment.environment.name": "a-test",
    });
    const children = all.filter(({ parentSpanId }) => parentSpanId === root?.spanId);
    const count = (name: string) => children.filter((span) => span.name === name).length;
    expect(["plan", "map", "reduce", "publish"].map(count)).toEqual([1, 1, 1, 1]);
    const partsOf = (step: string) => {
      // Attempts have a `map` span of their own.
      const span = children.find(({ name }) => name === step);
      const within = all.filter(({ parentSpanId }) => parentSpanId === span?.spanId);
      return within.map(({ name }) => name).sort();
    };
    expect(partsOf("plan")).toEqual(["bind", "check", "code", "footers", "list", "model", "output"]);
    expect(partsOf("map")).toEqual(["seal"]);
    expect(count("attempt")).toBe(attempts);
    const byId = new Map(all.map((span) => [span.spanId, span]));
    for (const attempt of named("attempt")) {
      expect(attempt.service).toBe("shardmill-worker");
      expect(attempt.facts).toMatchObject({ "shardmill.answer": "committed", "shardmill.device": "cpu" });
      const within = all
        .filter(({ parentSpanId }) => parentSpanId === attempt.spanId)
        .map(({ name }) => name);
      expect(within.sort()).toEqual(["commit", "map", "offer"]);
    }
    expect(named("commit").every(({ service }) => service === "shardmill-coordinator")).toBe(true);
    expect(new Set(named("attempt").map(({ facts }) => facts["shardmill.shard"])).size).toBe(shards);
    for (const span of all) {
      const parent = byId.get(span.parentSpanId);
      if (span === root) continue;
      expect(parent, span.name).toBeDefined();
      // Two processes of one machine, whose clocks differ by up to a millisecond or two.
      expect(span.startNs, span.name).toBeGreaterThanOrEqual((parent?.startNs ?? 0n) - 2_000_000n);
      expect(span.endNs, span.name).toBeLessThanOrEqual((parent?.endNs ?? 0n) + 2_000_000n);
    }
  });

  test("the spans of a job that cannot be planned have its error", async () => {
    await using job = await KnownJob.make({ spec: { map: { inputs: { input: "nowhere" } } } });
    const before = spans().length;
    const { result } = await runTraced(job, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    expect(result.code).not.toBe(0);
    const came = await until("its spans", async () => {
      const own = spans().slice(before);
      return own.some(({ name }) => name === "job") ? own : null;
    });
    expect(came.map(({ name, failed, facts }) => [name, failed, facts["error.type"]]).sort()).toEqual([
      ["bind", true, "SPEC_INVALID"],
      ["code", false, undefined],
      ["footers", false, undefined],
      ["job", true, "SPEC_INVALID"],
      ["list", false, undefined],
      ["model", false, undefined],
      ["output", false, undefined],
      ["plan", true, "SPEC_INVALID"],
    ]);
  });

  test("no span is sent when OTEL_TRACES_SAMPLER is always_off", async () => {
    await using job = await KnownJob.make();
    const before = received.length;
    const { result, tracing } = await runTraced(job, {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_SAMPLER: "always_off",
    });
    expect(result.code).toBe(0);
    expect(tracing).toBeGreaterThan(0);
    expect(received.length).toBe(before);
  });

  test("no tracing module is loaded without an endpoint", async () => {
    await using job = await KnownJob.make();
    const { result, tracing, processes } = await runTraced(job, {});
    expect(result.code).toBe(0);
    expect(processes).toBeGreaterThan(1);
    expect(tracing).toBe(0);
  });

  test("an unreachable receiver is reported, and does not fail the job", async () => {
    await using job = await KnownJob.make();
    const [port = 0] = await freePorts(1);
    const { result } = await runTraced(job, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
    expect(result.code).toBe(0);
    expect(result.stderr).toContain("traces cannot be sent");
    expect(result.stderr).toMatch(/ECONNREFUSED|did not take the last of them within 3 s/);
  });
});
