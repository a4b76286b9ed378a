import { spawnSync } from "node:child_process";
import { chmod, mkdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * A folder with a file system of its own, whose size can be changed while it is used. Where mounting is not
 * allowed there is none, and a test must use another limit: {@link canMount}.
 */
export class SmallDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(path: string, kibibytes: number): Promise<SmallDisk> {
    await mkdir(path, { recursive: true });
    run("mount", "-t", "tmpfs", "-o", `size=${kibibytes}k`, "tmpfs", path);
    return new SmallDisk(path);
  }

  resize(kibibytes: number): void {
    run("mount", "-o", `remount,size=${kibibytes}k`, this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    run("umount", "--lazy", this.path);
  }
}

/** Whether this process may mount file systems. */
export function canMount(): boolean {
  return spawnSync("unshare", ["--mount", "true"]).status === 0 && process.getuid?.() === 0;
}

/**
 * Makes a folder read-only, until disposed of, for whoever uses it: at once, in the middle of things. Files
 * that are open already can still be written. For root by a mount over the folder (a mode says nothing to
 * root), else by its mode.
 */
export async function makeReadOnly(path: string): Promise<AsyncDisposable> {
  await mkdir(path, { recursive: true });
  if (canMount()) {
    run("mount", "--bind", path, path);
    await remountReadOnly(path);
    return { [Symbol.asyncDispose]: async () => run("umount", "--lazy", path) };
  }
  await chmod(path, 0o555);
  return { [Symbol.asyncDispose]: () => chmod(path, 0o755) };
}

/**
 * A file that is just being written through the mount keeps it busy: then again, until nobody writes for a
 * moment.
 */
async function remountReadOnly(path: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      run("mount", "-o", "remount,ro,bind", path);
      return;
    } catch (error) {
      if (tries === 200) {
        run("umount", "--lazy", path);
        throw error;
      }
      await sleep(10);
    }
  }
}

function run(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
}
