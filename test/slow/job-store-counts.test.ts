import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readManifest } from "../../coordinator/publish/read-manifest.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";
import { serveRange, startWebServer, type WebServer } from "../support/web-server.ts";

/** Requests that jobs report, compared with a server that throttles every seventh request. */

const SECRET = "token=hunter2";
const seen = { requests: 0, throttled: 0, bytes: 0 };
/** Delay of each answer with rows. Earlier requests belong to the start of a worker. */
let delayMs = 0;
let server: WebServer;
let job: KnownJob;
beforeAll(async () => {
  job = await KnownJob.make({ rows: 6_000, files: 3 });
  const names = ["part-0000.parquet", "part-0001.parquet", "part-0002.parquet"];
  const files = await Promise.all(names.map((name) => readFile(job.at("data", name))));
  server = await startWebServer({});
  names.forEach((name, index) => {
    server.served.set(`/${name}`, async (request, response) => {
      const hasRows = request.headers.range?.startsWith("bytes=4-") === true;
      if (hasRows) await sleep(delayMs);
      seen.requests += 1;
      const isThrottled = seen.requests % 7 === 0;
      const body = "SlowDown";
      if (isThrottled) {
        seen.throttled += 1;
        seen.bytes += body.length;
        response.writeHead(503, { "content-length": body.length }).end(body);
        return;
      }
      const bytes = files[index] ?? Buffer.of();
      serveRange(request, response, bytes);
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      seen.bytes += Math.min(Number(to) + 1, bytes.length) - Number(from);
    });
  });
  await job.write("files.txt", names.map((name) => `${server.url}/${name}?${SECRET}`).join("\n"));
  await job.writeSpec({ input: { path: "./files.txt", shardRows: 300 } });
});
beforeEach(() => void Object.assign(seen, { requests: 0, throttled: 0, bytes: 0 }));
afterAll(async () => {
  await Promise.all([job, server].map((each) => each[Symbol.asyncDispose]()));
});

/** Returns the counts of the server: no request is missing or counted twice. */
function asSeen() {
  expect(seen.throttled).toBeGreaterThan(1);
  const { requests, throttled, bytes } = seen;
  return [
    {
      store: server.url,
      requests,
      bytesRead: bytes,
      bytesWritten: 0,
      retries: throttled,
      throttled,
      waitedMs: expect.any(Number),
      answers: requests,
      firstByteMs: expect.any(Number),
    },
  ];
}

async function manifestOf(of: KnownJob) {
  await using storage = createLocalStorage();
  return await readManifest(parseLocation(join(of.out, "_manifest.json")), storage, NEVER);
}

test("a run reports the same requests as the server counted, without secrets", async () => {
  const args = ["run", job.path, "--workers", "2", "--fresh", "--log-level", "debug"];
  const ran = await runCli([...args, "--json"], { env: job.env, limitMs: 300_000 });
  expect(ran).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
  const { stores } = JSON.parse(ran.stdout);
  expect(stores).toEqual(asSeen());
  expect(stores[0].waitedMs).toBeGreaterThan(0);
  expect(stores[0].firstByteMs).toBeGreaterThan(0);
  expect((await manifestOf(job)).stores).toEqual(stores);
  const manifest = await readFile(join(job.out, "_manifest.json"), "utf8");
  expect(`${ran.stdout}${ran.stderr}${manifest}`).not.toContain("hunter2");
});

test.each([
  ["reads the store itself", "shared"],
  ["reads through the coordinator", "coordinator"],
])(
  "a coordinator reports all requests for a job whose worker %s",
  async (_what, data) => {
    const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "debug", "--fresh"];
    const { cli, address } = await startListening(job, args);
    await using coordinator = cli;
    await using worker = startWorker(job, address, ["--data", data, "--log-level", "debug"]);
    const ends = await Promise.all([coordinator.ended, worker.ended]);
    expect(ends).toMatchObject([{ code: 0 }, { code: 0 }]);
    expect((await manifestOf(job)).stores).toEqual(asSeen());
    const [{ stdout, stderr }] = ends;
    expect(stdout).toContain(`${server.url}: `);
    expect(stderr).toMatch(/"requests":\d+.*requests to a store/);
    expect(`${stdout}${stderr}`).not.toContain("hunter2");
  },
  300_000,
);

/** Returns a delay that exceeds the start of a worker, however busy this machine is. */
async function slowAnswerMs(): Promise<number> {
  const beganAt = performance.now();
  await runCli(["--version"]);
  return Math.max(2_000, 4 * (performance.now() - beganAt));
}

test("a run that waits for a slow server reports the server and its response time", async () => {
  delayMs = await slowAnswerMs();
  const ran = await runCli(["run", job.path, "--workers", "1", "--fresh", "--json"], {
    env: job.env,
    limitMs: 300_000,
  });
  expect(ran).toMatchObject({ code: 0 });
  const { bottleneck, advice } = JSON.parse(ran.stdout);
  expect(bottleneck).toBe("read");
  const [, firstByteMs] =
    /^reading (?:http:\S+) \(.* requests\/s, first byte after ([\d,]+) ms/.exec(advice) ?? [];
  // Numbers from 1,000 on contain a comma. A busy machine adds to the time.
  expect(Number(firstByteMs?.replaceAll(",", ""))).toBeGreaterThanOrEqual(1_000);
});
