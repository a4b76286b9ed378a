import { spawnSync } from "node:child_process";
import { chmod, mkdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * A folder with its own file system, whose size can be changed while in use. Without the right to mount, a
 * test must use another limit: {@link canMount}.
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

/** Returns true when this process may mount file systems. */
export function canMount(): boolean {
  return spawnSync("unshare", ["--mount", "true"]).status === 0 && process.getuid?.() === 0;
}

/**
 * Makes a folder read-only at once for all users, until disposed of. Open files can still be written. For
 * root it mounts over the folder, because root ignores modes. Otherwise it changes the mode.
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

/** Repeats the remount, which is refused while a file is written through the mount. */
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
