import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compiledUrl } from "../../../../shared/core/package-root.ts";
import { SpareProcess } from "../../../../shared/core/spare-process.ts";

let root: string;
let script: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-spare-"));
  script = join(root, "echo.mjs");
  await writeFile(script, 'process.on("message", (message) => process.send(message));\n');
});

afterAll(async () => {
  for (const child of started) child.kill("SIGKILL");
  await rm(root, { recursive: true, force: true });
});

function spares(): SpareProcess {
  return new SpareProcess(() => {
    const child = fork(script, { stdio: ["ignore", "ignore", "pipe", "ipc"], execArgv: [] });
    started.push(child);
    return child;
  });
}

async function answers(child: ChildProcess): Promise<void> {
  const answer = once(child, "message");
  child.send("hello");
  expect((await answer)[0]).toBe("hello");
}

test("a process that was started in advance is taken once, and the next is a new one", async () => {
  const processes = spares();
  const before = started.length;
  processes.warm();
  processes.warm();
  const [first, second] = [processes.take(), processes.take()];
  expect(started.length - before).toBe(2);
  expect(first).not.toBe(second);
  await answers(first);
  await answers(second);
});

test("a process that exited meanwhile is not taken", async () => {
  const processes = spares();
  processes.warm();
  const dead = started.at(-1);
  dead?.kill("SIGKILL");
  if (dead !== undefined) await once(dead, "exit");
  const child = processes.take();
  expect(child).not.toBe(dead);
  await answers(child);
});

test("only one process is kept for the next call, and the others exit", async () => {
  const processes = spares();
  const [first, second] = [processes.take(), processes.take()];
  processes.keep(first);
  const ended = once(second, "exit");
  processes.keep(second);
  await ended;
  expect(processes.take()).toBe(first);
  await answers(first);
});

test("a process that is not taken does not keep its parent running, and exits with it", async () => {
  const module = compiledUrl("shared/core/spare-process.ts").href;
  // A process that does not detect the end of its parent.
  const busy = join(root, "busy.mjs");
  await writeFile(busy, "setInterval(() => {}, 1_000);\n");
  const main = join(root, "main.mjs");
  await writeFile(
    main,
    `import { fork } from "node:child_process";
import { SpareProcess } from ${JSON.stringify(module)};
const options = { stdio: ["ignore", "ignore", "pipe", "ipc"] };
new SpareProcess(() => {
  const child = fork(${JSON.stringify(busy)}, options);
  console.log(child.pid);
  return child;
}).warm();
`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [main], { timeout: 60_000 });
  await expect.poll(() => isAlive(Number(stdout)), { timeout: 60_000 }).toBe(false);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
