import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { childrenOf, processesWith, processState } from "../../fault/left-processes.ts";
import { newSecret } from "../../shared/access/credential.ts";
import { startListening, startWorker, untilCommitted } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { type CliOptions, runCli } from "../support/processes.ts";

/** Access to a coordinator, by commands of its user and of others, and to the files of a job. */

function slowJob(): Promise<KnownJob> {
  return KnownJob.make({
    rows: 1_600,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
  });
}

/** Returns a user of this machine with another secret than the coordinator's. */
async function stranger(job: KnownJob): Promise<CliOptions & { readonly file: string }> {
  const file = join(job.folder, "other-secret");
  await writeFile(file, newSecret(), { mode: 0o600 });
  return { env: { ...job.env, SHARDMILL_SECRET_FILE: file }, file };
}

/** Returns every file and folder below one that others can access, with its mode. */
async function openToOthers(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const open: string[] = [];
  for (const name of names) {
    const found = await stat(join(folder, name)).catch(() => null);
    if (found !== null && (found.mode & 0o077) !== 0)
      open.push(`${name} ${(found.mode & 0o777).toString(8)}`);
  }
  return open;
}

test("a caller with another secret cannot read a run, change it or work for it", async () => {
  await using job = await slowJob();
  const { cli, address } = await startListening(job, ["run", job.path, "--workers", "1"]);
  await using run = cli;
  await untilCommitted(job, 1);
  // All processes except the coordinator are stopped, so that the job lasts as long as the attempts.
  const workers = await childrenOf(run.pid);
  for (const pid of workers) process.kill(pid, "SIGSTOP");
  const other = await stranger(job);
  const commands = [
    ["status"],
    ["workers"],
    ["watch"],
    ["cancel", "known"],
    ["submit", job.path, "--fresh"],
    ["worker", "--device", "cpu", "--workers", "1"],
  ];
  for (const command of commands) {
    const refused = await runCli([...command, "--coordinator", address], other);
    expect(refused, command[0]).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr, command[0]).toContain("SECRET_REFUSED");
    // The error names the file that was read, and the remedy.
    expect(refused.stderr, command[0]).toContain(other.file);
    expect(refused.stderr, command[0]).toContain("--secret-file");
    expect(refused.seconds, command[0]).toBeLessThan(60);
  }
  // The coordinator's own user is served, but cannot submit another job.
  expect(await runCli(["status", "--coordinator", address], job)).toMatchObject({ code: 0 });
  expect(await runCli(["submit", job.path, "--coordinator", address], job)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("SUBMIT_REFUSED"),
  });
  // On a busy machine, a stopped worker may have been replaced by another.
  for (const pid of workers) if ((await processState(pid)) === "T") process.kill(pid, "SIGCONT");
  expect(await run.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
});

test("a worker authenticates by the secret's file, and the secret appears nowhere else", async () => {
  await using job = await slowJob();
  const file = join(job.folder, "secret");
  const options = ["--listen", "127.0.0.1:0", "--log-level", "debug", "--secret-file", file];
  const { cli, address } = await startListening(job, ["coordinator", job.path, ...options]);
  await using coordinator = cli;
  const told = ["--secret-file", file, "--log-level", "debug", "--data", "coordinator"];
  await using worker = startWorker(job, address, told);
  await untilCommitted(job, 1);
  // Stopped, so that the job still runs.
  worker.killGroup("SIGSTOP");
  const secret = (await readFile(file, "utf8")).trim();
  expect(processesWith(job.folder).length).toBeGreaterThan(2);
  expect(processesWith(secret)).toEqual([]);
  const requested = ["--coordinator", address, "--secret-file", file];
  const status = await runCli(["status", "--json", ...requested], job);
  const workers = await runCli(["workers", "--json", ...requested], job);
  worker.killGroup("SIGCONT");
  const ended = await Promise.all([coordinator.ended, worker.ended]);
  for (const said of [status, workers, ...ended]) {
    expect(said).toMatchObject({ code: 0 });
    expect(said.stdout + said.stderr).not.toContain(secret);
  }
  await expectRightAnswer(job);
  const holders: string[] = [];
  for (const name of await readdir(job.folder, { recursive: true })) {
    const text = await readFile(join(job.folder, name), "latin1").catch(() => "");
    if (text.includes(secret)) holders.push(name);
  }
  expect(holders).toEqual(["secret"]);
});

test("a secret file that others can read is refused by every command", async () => {
  await using job = await KnownJob.make({ rows: 100 });
  const file = join(job.folder, "secret");
  await writeFile(file, newSecret(), { mode: 0o644 });
  const commands = [
    ["run", job.path],
    ["coordinator", job.path],
    ["worker", "--coordinator", "127.0.0.1:1"],
    ["status", "--coordinator", "127.0.0.1:1"],
  ];
  for (const command of commands) {
    expect(await runCli([...command, "--secret-file", file], job), command[0]).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/SECRET_INVALID[\s\S]*chmod 600/),
    });
  }
});

test("without a writable home a run uses its own secret, and a coordinator requires --secret-file", async () => {
  await using job = await KnownJob.make({ rows: 300, rowGroupRows: 100 });
  const homeless = { env: { ...job.env, HOME: "/dev/null", SHARDMILL_SECRET_FILE: "" } };
  expect(await runCli(["run", job.path], homeless)).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
  expect(await runCli(["coordinator"], homeless)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/SECRET_INVALID[\s\S]*--secret-file/),
  });
});

test("outputs respect the user's umask, and temporary folders are private to the user", async () => {
  await using job = await slowJob();
  const wrap = ["sh", "-c", 'umask 077; exec "$@"', "sh"];
  const { cli } = await startListening(job, ["run", job.path, "--workers", "1"], { wrap });
  await using run = cli;
  await untilCommitted(job, 1);
  expect(await openToOthers(job.out)).toEqual([]);
  expect(await run.ended).toMatchObject({ code: 0 });
  expect(await openToOthers(job.out)).toEqual([]);

  // With the usual umask, the temporary folders, which contain parts of the data, are still private.
  const again = await startListening(job, ["run", job.path, "--fresh", "--workers", "1"], {
    wrap: ["sh", "-c", 'umask 022; exec "$@"', "sh"],
  });
  await using second = again.cli;
  await untilCommitted(job, 1);
  const temporary = await readdir(job.tmp);
  expect(temporary.length).toBeGreaterThan(0);
  for (const name of temporary) {
    const { mode } = await stat(join(job.tmp, name));
    expect(`${name} ${(mode & 0o777).toString(8)}`).toBe(`${name} 700`);
  }
  expect(await second.ended).toMatchObject({ code: 0 });
});
