import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../fault/free-port.ts";
import { processesWith } from "../../fault/left-processes.ts";
import { startListening, startWorker, until } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { type CliOptions, runCli } from "../support/processes.ts";

/** Tokens by the commands of their creator, and of holders whose machine has no other secret. */

interface Made {
  readonly token: string;
  readonly id: string;
}

async function make(file: string, ...args: readonly string[]): Promise<Made> {
  const made = await runCli(["token", "create", "--tokens-file", file, "--json", ...args]);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(made.stdout) as Made;
}

test("tokens are shown once, listed, and revoked", async () => {
  await using job = await KnownJob.make({ rows: 100 });
  const file = join(job.folder, "tokens");
  expect(await runCli(["token", "list", "--tokens-file", file])).toMatchObject({
    code: 0,
    stdout: "no tokens\n",
  });
  const { token, id } = await make(file, "--role", "work", "--name", "gpu-nodes", "--expires", "12h");
  const listed = await runCli(["token", "list", "--tokens-file", file, "--json"]);
  expect(JSON.parse(listed.stdout)).toMatchObject([{ id, name: "gpu-nodes", role: "work", revokedAt: null }]);
  expect(listed.stdout).not.toContain(token.slice(13));
  expect(await runCli(["token", "revoke", id, "--tokens-file", file])).toMatchObject({ code: 0 });
  const shown = await runCli(["token", "list", "--tokens-file", file]);
  expect(shown.stdout).toMatch(new RegExp(`${id} +gpu-nodes +work +a token +revoked at`));
  for (const [args, said] of [
    [["revoke", "00000000"], "there is no token 00000000"],
    [["revoke"], "needs the id"],
    [["create"], "needs --role"],
    [["create", "--role", "read", "--expires", "1 month"], "--expires must be"],
  ] as const)
    expect(await runCli(["token", ...args, "--tokens-file", file])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(said),
    });
});

test("each token permits only its role: submit, read or work", async () => {
  await using job = await KnownJob.make({
    rows: 800,
    rowGroupRows: 100,
    spec: { input: { shardRows: 100 } },
  });
  const file = join(job.folder, "tokens");
  const served = ["coordinator", "--listen", "127.0.0.1:0", "--tokens-file", file, "--log-level", "debug"];
  const { cli, address } = await startListening(job, served);
  await using coordinator = cli;
  // Created while the coordinator runs.
  const reader = await make(file, "--role", "read");
  const submitter = await make(file, "--role", "submit");
  const worker = await make(file, "--role", "work");
  const none = join(job.folder, "no-secret");
  const by = (token: string): CliOptions => ({
    env: { ...job.env, SHARDMILL_SECRET_FILE: none, SHARDMILL_TOKEN: token },
  });
  const ask = (command: readonly string[], token: string) =>
    runCli([...command, "--coordinator", address], by(token));
  const nobody = { code: 2, stderr: expect.stringContaining("ROLE_REFUSED") };
  await until("the tokens to be known", async () =>
    (await ask(["status"], reader.token)).code === 0 ? true : null,
  );
  expect(await ask(["submit", job.path], reader.token)).toMatchObject(nobody);
  expect(await ask(["submit", job.path], worker.token)).toMatchObject(nobody);
  expect(await ask(["status"], worker.token)).toMatchObject(nobody);
  expect(await ask(["worker", "--device", "cpu", "--workers", "1"], submitter.token)).toMatchObject(nobody);
  expect(await ask(["submit", job.path], submitter.token)).toMatchObject({ code: 0 });
  const tokenFile = join(job.folder, "worker-token");
  await writeFile(tokenFile, `${worker.token}\n`, { mode: 0o600 });
  const options = ["--token-file", tokenFile, "--data", "coordinator"];
  await using working = startWorker(job, address, options, { env: { SHARDMILL_SECRET_FILE: none } });
  expect(await ask(["watch"], reader.token)).toMatchObject({ code: 0 });
  expect(processesWith(worker.token)).toEqual([]);
  await runCli(["token", "revoke", worker.id, "--tokens-file", file]);
  // A working worker learns of it with its next call.
  expect(await working.ended).toMatchObject({ code: 2, stderr: expect.stringContaining("was revoked at") });
  await expectRightAnswer(job);
  for (const { token } of [reader, submitter, worker])
    expect(coordinator.stderr + working.stderr).not.toContain(token.slice(13));
});

test("--max-jobs limits a token's running jobs, also after a restart, but not the owner's", async () => {
  await using first = await KnownJob.make({ rows: 100 });
  await using second = await KnownJob.make({ rows: 100 });
  const file = join(first.folder, "tokens");
  const submitter = await make(file, "--role", "submit");
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const bounds = ["--max-jobs", "1", "--tokens-file", file];
  const start = () => startListening(first, ["coordinator", "--listen", address, ...bounds]);
  const env = { ...first.env, SHARDMILL_TOKEN: submitter.token };
  const submit = ({ path }: KnownJob, by: CliOptions) =>
    runCli(["submit", path, "--coordinator", address], by);
  const refused = { code: 1, stderr: expect.stringMatching(/has 1 active jobs.*RESOURCE_EXHAUSTED/) };
  const { cli: before } = await start();
  const id = await submit(first, { env });
  expect(id).toMatchObject({ code: 0 });
  expect(await submit(second, { env })).toMatchObject(refused);
  before.killGroup("SIGKILL");
  await before.ended;

  const { cli: after } = await start();
  await using _after = after;
  await after.saw(/that ran before the restart is resumed/);
  expect(await submit(second, { env })).toMatchObject(refused);
  const owners = await submit(second, first);
  expect(owners).toMatchObject({ code: 0 });
  const cancelled = await runCli(["cancel", id.stdout.trim(), "--coordinator", address], { env });
  expect(cancelled).toMatchObject({ code: 0 });
  const other = await runCli(["cancel", owners.stdout.trim(), "--coordinator", address], first);
  expect(other).toMatchObject({ code: 0 });
  expect(await submit(second, { env })).toMatchObject({ code: 0 });
});
