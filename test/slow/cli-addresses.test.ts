import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { type CliProcess, runCli, startCli } from "../support/processes.ts";
import { failing, refused } from "../support/refusals.ts";

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make({ files: 1 });
});
afterEach(() => job[Symbol.asyncDispose]());

describe("an invalid address", () => {
  test.each([
    ["run", "--listen", "nonsense"],
    ["run", "--listen", "127.0.0.1:99999"],
    ["coordinator", "--listen", "7433"],
  ])("%s %s %s is refused, and the valid form is shown", async (command, option, address) => {
    const { code, error } = await refused(job, [command, job.job, option, address]);
    expect([code, error.code]).toEqual([2, "ARGUMENT_INVALID"]);
    expect(error.problems).toEqual([
      {
        where: option,
        what: "not HOST:PORT",
        expected: "a host, a colon and a port from 0 to 65535",
        found: address,
      },
    ]);
    expect(error.hint).toContain("127.0.0.1:7433");
  });

  test("a wrong `--coordinator` is refused, also with port 0", async () => {
    for (const args of [["status"], ["workers"], ["watch"], ["submit", job.job]]) {
      const { code, error } = await failing([...args, "--coordinator", "node1:0"]);
      expect([code, error.code]).toEqual([2, "ARGUMENT_INVALID"]);
      expect(error.problems[0]).toMatchObject({ where: "--coordinator", found: "node1:0" });
    }
    const { code, stderr } = await runCli(["worker", "--coordinator", "node1"]);
    expect(code).toBe(2);
    expect(stderr).toContain("error: `node1` is not an address (ARGUMENT_INVALID)");
  });

  test("an address of another machine is refused for `--listen`", async () => {
    const { code, error } = await refused(job, [
      "run",
      job.job,
      "--insecure",
      "--listen",
      "203.0.113.7:7433",
    ]);
    expect([code, error.code]).toEqual([2, "ARGUMENT_INVALID"]);
    expect(error.message).toBe("203.0.113.7:7433 is not an address of this machine");
  });
});

describe("a port in use", () => {
  let port = 0;
  const holder = createServer();
  beforeAll(async () => {
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const address = holder.address();
    if (typeof address === "object" && address !== null) port = address.port;
  });
  afterAll(() => void holder.close());

  test.each([["run"], ["coordinator"]])("%s fails with PORT_IN_USE and a hint", async (command) => {
    const { code, error, stderr } = await refused(job, [command, job.job, "--listen", `127.0.0.1:${port}`]);
    expect([code, error.code]).toEqual([2, "PORT_IN_USE"]);
    expect(stderr).toBe(
      `error: another process listens on 127.0.0.1:${port} (PORT_IN_USE)\n\n` +
        "hint: stop it, or listen on another port (port 0 takes any free one)\n",
    );
  });

  test("`status` fails when the process on the port is no coordinator", async () => {
    const { code, error } = await failing(["status", "--coordinator", `127.0.0.1:${port}`]);
    expect([code, error.code]).toEqual([1, "COORDINATOR_UNREACHABLE"]);
  });
});

describe("a missing coordinator", () => {
  test("every command that needs a coordinator fails with COORDINATOR_UNREACHABLE", async () => {
    // Each command waits a while for a coordinator that may be starting, so all run concurrently.
    const commands = [["status"], ["workers"], ["watch"], ["cancel", "x"], ["submit", job.job]];
    const failures = await Promise.all(
      commands.map((command) => failing([...command, "--coordinator", "127.0.0.1:1"])),
    );
    for (const { code, error } of failures) {
      expect([code, error.code]).toEqual([1, "COORDINATOR_UNREACHABLE"]);
      expect(error.message).toBe("no coordinator at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1");
      expect(error.hint).toContain("shardmill coordinator");
    }
  });

  test("a worker waits for its patience, and then fails with COORDINATOR_UNREACHABLE", async () => {
    const worker = ["worker", "--coordinator", "127.0.0.1:1", "--device", "cpu", "--log-level", "error"];
    const { code, stderr, seconds } = await runCli([...worker, "--patience", "1"]);
    expect(code).toBe(1);
    expect(seconds).toBeGreaterThan(1);
    expect(stderr).toMatch(/^error: no coordinator at 127\.0\.0\.1:1: .*\(COORDINATOR_UNREACHABLE\)\n/);
  });
});

describe("invalid arguments", () => {
  test.each([
    ["run", "--workers", "0"],
    ["run", "--lanes", "x"],
    ["run", "--shard-threads", "0"],
    ["run", "--threads", "1e9"],
  ])("%s %s %s is refused", async (command, option, value) => {
    const { code, error } = await refused(job, [command, job.job, option, value]);
    expect([code, error.code]).toEqual([2, "ARGUMENT_INVALID"]);
    expect(error.message).toBe(`${option} must be auto or a whole number from 1 to 1024, not ${value}`);
  });

  test("a worker's invalid --patience and unusable --scratch are refused", async () => {
    const patience = await runCli(["worker", "--patience", "soon"]);
    expect([patience.code, patience.stderr]).toEqual([
      2,
      expect.stringContaining("--patience must be a number"),
    ]);
    const scratch = await runCli(["worker", "--device", "cpu", "--scratch", "/proc/shardmill/x"]);
    expect([scratch.code, scratch.stderr]).toEqual([
      2,
      expect.stringContaining("the scratch folder cannot be used"),
    ]);
  });
});

describe("a coordinator without jobs", () => {
  let serving: CliProcess;
  let at: readonly string[] = [];
  beforeAll(async () => {
    serving = startCli(["coordinator", "--listen", "127.0.0.1:0", "--log-level", "error"]);
    const [, address = ""] = await serving.saw(/coordinator on (\S+), waiting for jobs/);
    at = ["--coordinator", address];
  });
  afterAll(async () => {
    serving.kill("SIGTERM");
    expect((await serving.ended).code).toBe(130);
  });

  test("shows no jobs and no workers", async () => {
    expect(await runCli(["status", ...at])).toMatchObject({ code: 0, stdout: "no jobs\n", stderr: "" });
    expect(await runCli(["status", ...at, "--json"])).toMatchObject({ code: 0, stdout: "[]\n" });
    expect(await runCli(["workers", ...at])).toMatchObject({ code: 0, stdout: "no workers\n" });
  });

  test.each([[["status", "digits-1"]], [["cancel", "digits-1"]], [["watch", "digits-1"]]])(
    "%j fails with JOB_NOT_FOUND",
    async (args) => {
      const { code, error } = await failing([...args, ...at]);
      expect([code, error.code, error.fields.jobId]).toEqual([2, "JOB_NOT_FOUND", "digits-1"]);
    },
  );

  test("refuses a second job with the same output and names the first one", async () => {
    const submitted = await runCli(["submit", job.job, ...at]);
    expect(submitted).toMatchObject({ code: 0, stderr: "" });
    const jobId = submitted.stdout.trim();
    const { code, error } = await refused(job, ["submit", job.job, ...at]);
    expect([code, error.code, error.fields.jobId]).toEqual([1, "OUTPUT_LOCKED", jobId]);
    expect(error.hint).toContain(`shardmill watch ${jobId}`);
    expect(await runCli(["cancel", jobId, ...at])).toMatchObject({
      code: 0,
      stdout: `${jobId} is cancelled\n`,
    });
  });

  test("refuses an invalid job with the places in its file, as `run` does", async () => {
    await job.writeJob({ input: { path: "./dta" } });
    const { code, error } = await refused(job, ["submit", job.job, ...at]);
    expect([code, error.code]).toEqual([2, "INPUT_NOT_FOUND"]);
    await job.writeJob({ map: { inputs: { input: "xx" } } });
    const map = await refused(job, ["submit", job.job, ...at]);
    expect(map.error.problems[0]?.where).toBe(`${job.job}:10:5 map.inputs.input.column`);
  });
});
