import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { COORDINATOR_METRICS } from "../../../extensions/web/metrics/coordinator-metrics.ts";
import { packageRoot } from "../../../shared/core/package-root.ts";
import type { OutputManifest } from "../../../shared/domain/manifest.ts";
import { SUPERVISOR_METRICS } from "../../../worker/http/worker-metrics.ts";
import { TestCa } from "../../support/certificates.ts";
import { type ForeignServer, startForeignServer } from "../../support/foreign-server.ts";
import { until } from "../../support/job-processes.ts";
import { KnownJob } from "../../support/known-job.ts";
import { type CliProcess, runCli, startCli } from "../../support/processes.ts";

/** A coordinator, and deploy/, read by a real Prometheus: `npm run seen`. */

const folder = process.env.SHARDMILL_FOREIGN ?? "";
const run = promisify(execFile);
const promtool = (...args: readonly string[]) =>
  run(join(folder, "promtool"), [...args], { cwd: packageRoot });

let files: string;
let job: KnownJob;
let coordinator: CliProcess;
let prometheus: ForeignServer;
let secret: string;
let url: string;
let jobId: string;
let manifest: OutputManifest;
let workerMetrics: string;

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), "shardmill-seen-"));
  const ca = await TestCa.make(files);
  const own = await ca.sign({ name: "server" });
  const tokens = join(files, "tokens");
  secret = join(files, "secret");
  const tls = [
    "--tls-cert",
    own.cert,
    "--tls-key",
    own.key,
    "--tokens-file",
    tokens,
    "--secret-file",
    secret,
  ];
  const args = ["coordinator", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", ...tls];
  coordinator = startCli(args, { limitMs: 300_000 });
  [, url = ""] = await coordinator.saw(/HTTP on (\S+)/);
  const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
  for (const role of ["read", "work"]) {
    const made = await runCli(["token", "create", "--role", role, "--name", role, "--tokens-file", tokens]);
    await writeFile(join(files, `${role}.token`), made.stdout.trim());
  }
  prometheus = await startPrometheus(ca.path);
  // Long enough for the worker to report its state more than once.
  const spec = { errors: { maxRows: 5 }, map: { batch: { rows: 10 } } };
  job = await KnownJob.make({ nullRows: [7, 3_001], hidden: [1_400, 1_400], spec });
  const reach = ["--coordinator", address, "--tls-ca", ca.path, "--secret-file", secret];
  const listens = ["--http", "127.0.0.1:0", "--device", "cpu", "--workers", "1"];
  await using worker = startCli(["worker", ...reach, ...listens], { limitMs: 300_000 });
  const [, workerAddress = ""] = await worker.saw(/"address":"([\d.:]+)","msg":"listening for HTTP"/);
  const submitted = await runCli(["submit", job.path, ...reach]);
  jobId = submitted.stdout.trim();
  // Exit code 3: with dead letters.
  expect((await runCli(["watch", jobId, ...reach])).code).toBe(3);
  workerMetrics = await (await fetch(`http://${workerAddress}/metrics`)).text();
  manifest = JSON.parse(await readFile(job.at("out", "_manifest.json"), "utf8"));
});

afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]();
  await coordinator?.[Symbol.asyncDispose]();
  await job?.[Symbol.asyncDispose]();
  await rm(files, { recursive: true, force: true });
});

/** Starts a Prometheus that scrapes by TLS, with a permitted token and with another that is not permitted. */
async function startPrometheus(ca: string): Promise<ForeignServer> {
  const scrape = (name: string, token: string) => ({
    job_name: name,
    scheme: "https",
    tls_config: { ca_file: ca },
    authorization: { credentials_file: join(files, token) },
    static_configs: [{ targets: [new URL(url).host] }],
  });
  const config = {
    global: { scrape_interval: "500ms", scrape_timeout: "500ms" },
    scrape_configs: [scrape("shardmill", "read.token"), scrape("shut-out", "work.token")],
  };
  const path = join(files, "prometheus.yaml");
  await writeFile(path, stringify(config));
  await promtool("check", "config", path);
  return await startForeignServer(join(folder, "prometheus"), (port) => [
    ...["--config.file", path, "--storage.tsdb.path", join(files, "tsdb"), "--log.level", "error"],
    ...["--web.listen-address", `127.0.0.1:${port}`],
  ]);
}

async function ask<Data>(path: string, params: Readonly<Record<string, string>> = {}): Promise<Data> {
  const query = new URLSearchParams(params);
  const response = await fetch(`http://127.0.0.1:${prometheus.port}/api/v1/${path}?${query}`);
  const body = (await response.json()) as { status: string; error?: string; data: Data };
  if (body.status !== "success") throw new Error(`${params.query}: ${body.error}`);
  return body.data;
}

interface Vector {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly value: readonly [atSeconds: number, value: string];
  }[];
}

/** Returns the only value of a series of the job. */
async function gaugeOf(metric: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  const matchers = Object.entries({ job: "shardmill", ...labels }).map(([name, is]) => `${name}="${is}"`);
  const { result } = await ask<Vector>("query", { query: `${metric}{${matchers.join(",")}}` });
  expect(result, metric).toHaveLength(1);
  return Number(result[0]?.value[1]);
}

/** Returns the metrics of an expression. Series of a histogram count as the histogram. */
function metricsIn(expr: string): string[] {
  const names = expr.match(/\b(shardmill|nodejs|process)_[a-z0-9_]+/g) ?? [];
  return names.map((name) => name.replace(/_seconds_(bucket|sum|count)$/, "_seconds"));
}

describe("Prometheus", () => {
  test("reads the values of an ended job's manifest, over TLS and with a token", async () => {
    await until("the end is scraped", async () => {
      const { result } = await ask<Vector>("query", {
        query: `shardmill_job_phase{job="shardmill",job_id="${jobId}",phase="published"} == 1`,
      });
      return result.length === 1 ? true : null;
    });
    const of = (metric: string, labels = {}) =>
      gaugeOf(`shardmill_job_${metric}`, { job_id: jobId, ...labels });
    const { rows, shards } = manifest;
    expect(rows.deadLetters).toBe(2);
    expect(await of("rows")).toBe(rows.input);
    expect(await of("rows_committed_total")).toBe(rows.input);
    expect(await of("rows_out_total")).toBe(rows.output);
    expect(await of("dead_letters_total")).toBe(rows.deadLetters);
    expect(await of("shards", { state: "committed" })).toBe(shards);
    expect(await of("shards", { state: "pending" })).toBe(0);
    expect(await of("attempts_started_total")).toBe(manifest.attempts);
    expect(await of("attempts_ended_total", { outcome: "committed" })).toBe(shards);
    expect(await of("stage_busy_ratio", { stage: "infer" })).toBe(manifest.stages.infer);
    for (const step of ["plan", "map", "reduce", "publish"])
      expect(await of("seconds", { step }), step).toBeGreaterThan(0);
    expect(await gaugeOf("shardmill_partial_check_seconds_count")).toBe(shards);
    expect(await gaugeOf("shardmill_lease_grant_seconds_count")).toBe(manifest.attempts);
    expect(await gaugeOf("shardmill_journal_append_seconds_count")).toBeGreaterThanOrEqual(shards);
    expect(await gaugeOf("process_resident_memory_bytes")).toBeGreaterThan(30_000_000);
  });

  test("is refused with a token of another role, and reports the status 403", async () => {
    expect(await gaugeOf("up")).toBe(1);
    const shutOut = await until("its scrape", async () => {
      const { activeTargets } = await ask<{
        activeTargets: readonly { scrapePool: string; health: string; lastError: string }[];
      }>("targets");
      const target = activeTargets.find(({ scrapePool }) => scrapePool === "shut-out");
      return target === undefined || target.health === "unknown" ? null : target;
    });
    expect(shutOut).toMatchObject({ health: "down", lastError: expect.stringContaining("403") });
  });

  test("has exactly the metrics of the table, with their types and help texts", async () => {
    const told = await ask<Record<string, readonly { type: string; help: string }[]>>("metadata");
    const expected = COORDINATOR_METRICS.map(({ name, type, help }) => [name, [{ type, help, unit: "" }]]);
    expect(told).toEqual(Object.fromEntries(expected));
  });

  test("accepts the coordinator's metrics without a warning", async () => {
    const authorization = `Bearer ${(await readFile(join(files, "read.token"), "utf8")).trim()}`;
    const text = join(files, "metrics.txt");
    const scraped = await run("curl", [
      ...["--silent", "--fail", "--cacert", join(files, "ca.crt"), "--output", text],
      ...["--header", `authorization: ${authorization}`, `${url}/metrics`],
    ]);
    expect(scraped.stderr).toBe("");
    expect(await checkMetrics(text)).toBe("");
  });

  test("accepts a worker's metrics without a warning, which are exactly those of its table", async () => {
    const text = join(files, "worker-metrics.txt");
    await writeFile(text, workerMetrics);
    expect(await checkMetrics(text)).toBe("");
    const named = [...workerMetrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(named).toEqual(SUPERVISOR_METRICS.map(({ name }) => name));
    expect(workerMetrics).toMatch(/^shardmill_process_joined\{[^}]+\} 1$/m);
  });
});

/** Returns the output of promtool for a file of metrics. */
async function checkMetrics(path: string): Promise<string> {
  const checked = await run("sh", ["-c", `"$0" check metrics < "$1"`, join(folder, "promtool"), path]);
  return checked.stdout + checked.stderr;
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

describe("the alerts", () => {
  test("are valid, pass their rule tests, and use only known metrics", async () => {
    const path = "deploy/prometheus/alerts.yaml";
    expect((await promtool("check", "rules", "--lint-fatal", path)).stdout).toContain("SUCCESS");
    expect((await promtool("test", "rules", "test/external/prometheus/alerts-rules.yaml")).stdout).toContain(
      "SUCCESS",
    );
    const { groups } = parse(await readFile(join(packageRoot, path), "utf8")) as {
      groups: { rules: Rule[] }[];
    };
    const cases = await readFile(join(packageRoot, "test/external/prometheus/alerts-rules.yaml"), "utf8");
    const known = new Set([...COORDINATOR_METRICS, ...SUPERVISOR_METRICS].map(({ name }) => name));
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(5);
    for (const { alert, expr, annotations } of rules) {
      expect(cases, alert).toContain(`labels: 'ALERTS{alertname="${alert}", alertstate="firing"`);
      expect(annotations.action?.length, alert).toBeGreaterThan(40);
      expect(
        metricsIn(expr).filter((name) => !known.has(name)),
        alert,
      ).toEqual([]);
    }
  });
});

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}

describe("the dashboard", () => {
  test("queries only known metrics, with expressions that Prometheus accepts", async () => {
    const text = await readFile(join(packageRoot, "deploy/grafana/shardmill.json"), "utf8");
    const { panels } = JSON.parse(text) as { panels: readonly Panel[] };
    const known = new Set([...COORDINATOR_METRICS, ...SUPERVISOR_METRICS].map(({ name }) => name));
    expect(panels.length).toBeGreaterThan(10);
    const answered: string[] = [];
    for (const { title, targets } of panels) {
      for (const { expr } of targets) {
        expect(metricsIn(expr).length, title).toBeGreaterThan(0);
        expect(
          metricsIn(expr).filter((name) => !known.has(name)),
          title,
        ).toEqual([]);
        // Grafana replaces these variables.
        const filled = expr.replaceAll("$__rate_interval", "1m").replace(/"\$(instance|job_id)"/g, '".*"');
        const { result } = await ask<Vector>("query", { query: filled });
        if (result.length > 0) answered.push(title);
      }
    }
    for (const title of ["Jobs", "Done", "Shards", "Stages", "Batches", "What workers wait for"])
      expect(answered).toContain(title);
  });
});
