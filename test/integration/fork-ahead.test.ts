import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { endForkedAhead, type ForkPlan, forkAhead, forkScript } from "../../shared/core/fork-script.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli, startCli } from "../support/processes.ts";

/**
 * Processes that are started before it is known that they are wanted. `runCli` rejects when one is left
 * behind.
 */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-fork-ahead-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(endForkedAhead);

/** A script that tells its pid and the message that it gets, and then stays. */
async function aPlan(changes: Partial<ForkPlan> = {}): Promise<ForkPlan> {
  const path = join(folder, "echo.mjs");
  await writeFile(
    path,
    "process.on('message', (got) => process.send({ got, pid: process.pid }));\nprocess.on('disconnect', () => process.exit());",
  );
  const stdio: ForkPlan["stdio"] = ["ignore", "ignore", "ignore", "ipc"];
  return { script: pathToFileURL(path), execArgv: [], stdio, ...changes };
}

function ask(child: ReturnType<typeof forkScript>, message: string): Promise<unknown> {
  const answer = new Promise((resolve) => child.once("message", resolve));
  child.send(message);
  return answer;
}

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("a script started ahead", () => {
  test("is taken by whoever starts the same, once, and is then theirs", async () => {
    const plan = await aPlan();
    forkAhead(plan);
    const first = forkScript(plan);
    const second = forkScript(plan);
    expect(first.pid).not.toBe(second.pid);
    endForkedAhead();
    expect(await ask(first, "a")).toEqual({ got: "a", pid: first.pid });
    expect(await ask(second, "b")).toEqual({ got: "b", pid: second.pid });
    for (const child of [first, second]) child.kill("SIGKILL");
  });

  test("is not taken for one with other arguments or another environment, and is ended", async () => {
    const plan = await aPlan();
    forkAhead(plan);
    const others = [
      forkScript({ ...plan, execArgv: ["--no-warnings"] }),
      forkScript({ ...plan, env: { ...process.env, SOME: "thing" } }),
    ];
    const ahead = forkScript(plan);
    expect(new Set([ahead.pid, ...others.map(({ pid }) => pid)]).size).toBe(3);
    for (const child of [ahead, ...others]) child.kill("SIGKILL");
  });

  test("that is gone when it is wanted is started again", async () => {
    const path = join(folder, "first-exits.mjs");
    const mark = join(folder, "first.pid");
    await writeFile(
      path,
      `import { existsSync, writeFileSync } from "node:fs";
       const mark = ${JSON.stringify(mark)};
       if (!existsSync(mark)) { writeFileSync(mark, String(process.pid)); process.exit(); }
       process.on("message", (got) => process.send({ got, pid: process.pid }));`,
    );
    const plan = await aPlan({ script: pathToFileURL(path) });
    forkAhead(plan);
    await expect.poll(() => readFile(mark, "utf8").catch(() => ""), { timeout: 20_000 }).toMatch(/^\d+$/);
    const gone = Number(await readFile(mark, "utf8"));
    await expect.poll(() => isThere(gone), { timeout: 20_000 }).toBe(false);
    const taken = forkScript(plan);
    expect(await ask(taken, "here")).toEqual({ got: "here", pid: taken.pid });
    taken.kill("SIGKILL");
  });
});

describe("a run that never needs its processes leaves none behind", () => {
  test("a job file that is wrong, or is not there, or options that are", async () => {
    const path = join(folder, "wrong.yaml");
    await writeFile(path, "name: wrong\ninput: {}\n");
    for (const args of [
      ["run", path],
      ["run", join(folder, "nowhere.yaml")],
      ["run"],
      ["run", path, "--no-such-option"],
      ["plan", path],
      ["worker", "--coordinator", "not an address"],
    ]) {
      expect(await runCli(args), args.join(" ")).toMatchObject({ code: 2 });
    }
  });

  test("help asked for in any way", async () => {
    for (const args of [
      ["run", "--help"],
      ["run", "--version"],
    ])
      expect(await runCli(args)).toMatchObject({ code: 0, stderr: "" });
  });

  test("a job that is published already, and one with other processes than were guessed", async () => {
    await using job = await KnownJob.make({ rows: 600, files: 1, rowGroupRows: 300 });
    expect(await runCli(["run", job.path, "--workers", "2", "--shard-threads", "2"], job)).toMatchObject({
      code: 0,
    });
    await expectRightAnswer(job);
    const again = await runCli(["run", job.path], job);
    expect(again).toMatchObject({ code: 0, stderr: expect.stringMatching(/published already/) });
  });

  // At no moment of the start may a signal to the command alone leave what it started: it is told by their
  // channel.
  test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("%s while it starts", async (signal) => {
    await using job = await KnownJob.make({ rows: 600, files: 1, rowGroupRows: 300 });
    for (const afterMs of [60, 120, 250, 500]) {
      await using cli = startCli(["run", job.path], job);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      cli.kill(signal);
      const { code, signal: by } = await cli.ended;
      expect([null, 130, 0]).toContain(code);
      expect([null, signal]).toContain(by);
    }
    expect(await runCli(["run", job.path], job)).toMatchObject({ code: 0 });
    await expectRightAnswer(job);
  });
});
