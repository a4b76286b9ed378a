import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { faultEnvironment } from "../../fault/crash-bench.ts";
import { freePort } from "../../fault/free-port.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { isEnded } from "../../shared/domain/job.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import type { RunHistory } from "../../shared/domain/run-history.ts";
import { readJobFile } from "../../shared/job-file/read-job-file.ts";
import type { CoordinatorClient } from "../../shared/wire/client.ts";
import { aJobId } from "../support/ids.ts";
import { ask, startWorker, until, untilCommitted } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob, type KnownJobOptions } from "../support/known-job.ts";
import { needs } from "../support/needs.ts";
import { type CliProcess, runCli, startCli } from "../support/processes.ts";

/** A coordinator without its own job, which is killed and restarted with the same command. */

const SHARDS = 12;

function aJob(more: KnownJobOptions = {}): Promise<KnownJob> {
  return KnownJob.make({
    rows: SHARDS * 100,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    ...more,
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } }, ...more.spec },
  });
}

class Standing {
  readonly #home: KnownJob;
  readonly #port: number;

  constructor(home: KnownJob, port: number) {
    this.#home = home;
    this.#port = port;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get state(): string {
    return join(this.#home.folder, "kept");
  }

  async start(env: Readonly<Record<string, string>> = {}, more: readonly string[] = []): Promise<CliProcess> {
    const place = ["--listen", this.address, "--state", this.state];
    const args = ["coordinator", ...place, "--log-level", "info", ...more];
    const cli = startCli(args, { env: { ...this.#home.env, ...env }, limitMs: 300_000 });
    await Promise.race([cli.saw(/waiting for jobs/), cli.ended]);
    return cli;
  }

  async submit(job: KnownJob): Promise<string> {
    const submitted = await runCli(["submit", job.path, "--coordinator", this.address], job);
    expect(submitted).toMatchObject({ code: 0 });
    return submitted.stdout.trim();
  }

  ask<T>(question: (client: CoordinatorClient) => Promise<T>): Promise<T> {
    return ask(this.address, question);
  }

  list(): Promise<readonly JobStatus[]> {
    return this.ask((client) => client.jobs.listJobs(NEVER));
  }

  ended(jobId: string): Promise<JobStatus> {
    return until(`end of ${jobId}`, async () => {
      const status = await this.ask((client) => client.jobs.getJob(aJobId(jobId), NEVER));
      return isEnded(status.phase) ? status : null;
    });
  }
}

async function kill(cli: CliProcess): Promise<void> {
  cli.killGroup("SIGKILL");
  await cli.ended;
}

async function stop(...all: readonly CliProcess[]): Promise<void> {
  for (const cli of all) cli.kill("SIGTERM");
  await Promise.all(all.map((cli) => cli.ended));
}

test("a coordinator killed with three running jobs resumes them, and still lists the ended jobs", async () => {
  await using done = await aJob({ hidden: 16 });
  await using bad = await aJob({ hidden: 16, nullRows: [3], spec: { errors: { maxRows: 0 } } });
  await using unwanted = await aJob();
  await using first = await aJob();
  await using second = await aJob();
  await using third = await aJob();
  const standing = new Standing(done, await freePort());
  await using before = await standing.start();
  const published = await standing.submit(done);
  const patient = ["--patience", "60"];
  await using worker = startWorker(done, standing.address, patient);
  await standing.ended(published);
  const failed = await standing.submit(bad);
  expect((await standing.ended(failed)).phase).toBe("failed");
  worker.killGroup("SIGSTOP");
  const running = [await standing.submit(first), await standing.submit(second), await standing.submit(third)];
  const cancelled = await standing.submit(unwanted);
  await standing.ask((client) => client.jobs.cancelJob(aJobId(cancelled), "not wanted", NEVER));
  worker.killGroup("SIGCONT");
  await untilCommitted(first, 2);
  const told = await standing.list();
  await kill(before);

  await using after = await standing.start();
  const known = await standing.list();
  expect(known.map(({ jobId }) => jobId)).toEqual(told.map(({ jobId }) => jobId));
  for (const jobId of [published, failed, cancelled])
    expect(known.find((status) => status.jobId === jobId)).toEqual(
      told.find((status) => status.jobId === jobId),
    );
  const watched = await runCli(["watch", published, "--json", "--coordinator", standing.address], done);
  expect(watched).toMatchObject({ code: 0 });
  expect(JSON.parse(watched.stdout)).toMatchObject({ job: published, state: "published" });
  // Without another submission.
  for (const jobId of running) expect(await standing.ended(jobId)).toMatchObject({ phase: "published" });
  expect((await standing.list()).map(({ jobId }) => jobId)).toEqual(told.map(({ jobId }) => jobId));
  await stop(worker, after);
  for (const job of [done, first, second, third]) await expectRightAnswer(job);
});

/** Returns what the page shows of a job, without running times. */
async function shownOf(url: string, jobId: string): Promise<{ detail: Detail; cells: number[] }> {
  const link = await runCli(["page", "--http", new URL(url).host]);
  const pass = link.stdout.trim().split("#login=")[1];
  const entered = await fetch(`${url}/session`, {
    method: "POST",
    headers: { authorization: `Bearer ${pass}` },
  });
  const cookie = (entered.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const get = (path: string) => fetch(`${url}/api/jobs/${jobId}${path}`, { headers: { cookie } });
  const detail = (await (await get("")).json()) as Detail;
  return { detail, cells: [...new Uint8Array(await (await get("/shards")).arrayBuffer())] };
}

interface Detail {
  readonly status: JobStatus;
  readonly spec: unknown;
  readonly history: RunHistory;
}

needs("web")(
  "after a restart the page shows ended jobs unchanged, and the earlier history of a resumed job",
  async () => {
    await using done = await aJob({ hidden: 16 });
    await using bad = await aJob({ hidden: 16, nullRows: [3], spec: { errors: { maxRows: 0 } } });
    await using running = await aJob();
    const standing = new Standing(done, await freePort());
    const url = `http://127.0.0.1:${await freePort()}`;
    const http = ["--http", new URL(url).host];
    await using before = await standing.start({}, http);
    const patient = ["--patience", "60"];
    await using worker = startWorker(done, standing.address, patient);
    const ended = [await standing.submit(done), await standing.submit(bad)];
    for (const jobId of ended) await standing.ended(jobId);
    const goesOn = await standing.submit(running);
    await untilCommitted(running, 2);
    // The job does not end during the checks, however long they take.
    worker.killGroup("SIGSTOP");
    const shown = await Promise.all(ended.map((jobId) => shownOf(url, jobId)));
    const half = (await shownOf(url, goesOn)).detail.history;
    await kill(before);

    // Few records between two snapshots of its journal, so that some facts are in a snapshot and others after
    // it.
    await using after = await standing.start({ SHARDMILL_SNAPSHOT_RECORDS: "5" }, http);
    expect(await Promise.all(ended.map((jobId) => shownOf(url, jobId)))).toEqual(shown);
    expect(shown.map(({ detail, cells }) => [detail.status.phase, cells.length])).toEqual([
      ["published", SHARDS],
      ["failed", SHARDS],
    ]);
    worker.killGroup("SIGCONT");
    await untilCommitted(running, 5);
    await kill(after);

    await using last = await standing.start({}, http);
    expect(await standing.ended(goesOn)).toMatchObject({ phase: "published" });
    const { history } = (await shownOf(url, goesOn)).detail;
    expect(history.periods).toHaveLength(3);
    // Counted from the start of its journal, which comes after planning.
    expect(Date.parse(history.began)).toBeGreaterThanOrEqual(Date.parse(half.began));
    expect(history.periods?.[1]?.from).toBeLessThan(history.periods?.[2]?.from ?? 0);
    expect(history).toMatchObject({ commits: SHARDS });
    // An interrupted attempt may have been committed later.
    expect(history.ends.committed + history.ends.interrupted).toBeGreaterThanOrEqual(SHARDS);
    const spans = history.workers.flatMap((each) => each.spans.end);
    expect(spans.filter((end) => end === "committed").length).toBeGreaterThanOrEqual(1);
    await stop(worker, last);
    await expectRightAnswer(running);
  },
  600_000,
);

test("a job that cannot be resumed fails with the reason, and is retried at the next start", async () => {
  await using lost = await aJob();
  await using removed = await aJob();
  await using good = await aJob({ hidden: 16 });
  const standing = new Standing(good, await freePort());
  const ids: string[] = [];
  {
    await using before = await standing.start();
    for (const job of [lost, removed, good]) ids.push(await standing.submit(job));
    await kill(before);
  }
  const model = await readFile(lost.at("model.onnx"));
  await writeFile(lost.at("model.onnx"), "no model");
  await rm(removed.out, { recursive: true });
  {
    await using after = await standing.start();
    await using worker = startWorker(good, standing.address);
    const [first = "", second = "", third = ""] = ids;
    expect(await standing.ended(first)).toMatchObject({
      phase: "failed",
      failure: { code: "MODEL_INVALID" },
    });
    expect(await standing.ended(second)).toMatchObject({
      phase: "failed",
      failure: { code: "JOB_NOT_FOUND", message: expect.stringContaining(removed.out) },
    });
    expect(await standing.ended(third)).toMatchObject({ phase: "published" });
    await stop(worker, after);
  }
  // A repaired file is found at the next start. A missing one stays missing.
  await writeFile(lost.at("model.onnx"), model);
  await using again = await standing.start();
  await using worker = startWorker(good, standing.address);
  expect(await standing.ended(ids[0] ?? "")).toMatchObject({ phase: "published" });
  expect(await standing.ended(ids[1] ?? "")).toMatchObject({ phase: "failed" });
  expect(again.stderr.match(/is not resumed/g)).toBeNull();
  await stop(worker, again);
});

/** Distance between tested points. */
const STEP = 5;

test("a coordinator killed at any record loses no acknowledged job, and duplicates none", async () => {
  await using job = await aJob();
  const standing = new Standing(job, await freePort());
  const spec = await readJobFile(job.path, { set: [], env: {} });
  const submit = () => standing.ask(({ jobs }) => jobs.submitJob(spec, { fresh: true }, NEVER));
  let deaths = 0;
  for (let at = 1; ; at += STEP) {
    const report = join(job.folder, `died-${at}`);
    const plan = { at, what: "files", under: standing.state, report } as const;
    await using dying = await standing.start(faultEnvironment("disk", plan));
    const answered = await submit().catch(() => null);
    const jobId = answered?.job.jobId ?? null;
    const cancel = (id: string) => standing.ask(({ jobs }) => jobs.cancelJob(aJobId(id), "enough", NEVER));
    const ended = jobId === null ? null : await cancel(jobId).catch(() => null);
    const point = await readFile(report, "utf8").catch(() => null);
    if (point === null) break;
    deaths += 1;
    await kill(dying);

    await using after = await standing.start();
    const known = (await standing.list()).filter(({ output }) => output === job.out);
    if (jobId !== null)
      expect(
        known.map((status) => status.jobId),
        point,
      ).toContain(jobId);
    const open = await until("resumed jobs", async () => {
      const all = await standing.list();
      return all.every(({ phase }) => phase !== "planning") ? all : null;
    }).then((all) => all.filter(({ phase }) => !isEnded(phase)));
    if (ended !== null) expect(open, point).toEqual([]);
    expect(open.length, point).toBeLessThanOrEqual(1);
    for (const { jobId: id } of open) await cancel(id);
    const ids = (await standing.list()).map((status) => status.jobId);
    expect(new Set(ids).size, point).toBe(ids.length);
    await kill(after);
  }
  expect(deaths).toBeGreaterThan(4);
});

test("a state folder is refused when another coordinator uses it, or with a job file", async () => {
  await using job = await aJob();
  const standing = new Standing(job, await freePort());
  await using _first = await standing.start();
  const args = ["coordinator", "--listen", "127.0.0.1:0", "--state", standing.state];
  expect(await runCli(args, job)).toMatchObject({ code: 1, stderr: expect.stringContaining("STATE_LOCKED") });
  expect(await runCli([...args, job.path], job)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/--state is for a coordinator without a job file/),
  });
});
