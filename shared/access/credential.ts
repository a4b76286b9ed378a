import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { type Disk, realDisk } from "../core/disk.ts";
import { errorCode } from "../core/errno.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { placeAlone } from "../core/hard-link.ts";
import { makeFolders } from "../core/make-folders.ts";
import type { ClientTls } from "./tls-files.ts";

/**
 * What shows a coordinator that a process is its user's: the secret, and the file where it was looked for.
 */
export interface Credential {
  /** Named in errors; the secret never is. */
  readonly path: string;
  /** Null where there is no such file. */
  readonly secret: string | null;
  /** How the coordinator shows that it is the one that is meant. Left out: not at all, in the clear. */
  readonly tls?: ClientTls;
}

/** Of a coordinator: it always has one. */
export interface CoordinatorCredential extends Credential {
  readonly secret: string;
}

/** 256 bits: nobody guesses it. */
const SECRET_BYTES = 32;

/**
 * What may follow `Bearer` in a header, and too long to guess. Whoever writes the file by hand is held to it,
 * too.
 */
const SECRET = /^[A-Za-z0-9._~+/=-]{32,1024}$/;

/**
 * The file of this user's secret: the one that was asked for, else `SHARDMILL_SECRET_FILE`, else
 * `shardmill/secret` in the user's configuration (`XDG_CONFIG_HOME`, which counts only when it is absolute,
 * else `~/.config`). It may not be there yet.
 */
export function secretPath(asked?: string, env: NodeJS.ProcessEnv = process.env): string {
  const { SHARDMILL_SECRET_FILE: own = "", XDG_CONFIG_HOME: users = "" } = env;
  const named = asked ?? own;
  if (named !== "") return resolve(named);
  return join(isAbsolute(users) ? users : join(homedir(), ".config"), "shardmill", "secret");
}

/**
 * The secret in a file that only its owner can read.
 *
 * @throws {SECRET_INVALID} when others may read it, it is somebody else's, or it holds no secret
 */
export function readCredential(path: string): Credential {
  let text: string;
  try {
    text = readOwn(path);
  } catch (error) {
    if (error instanceof ShardmillError) throw error;
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { path, secret: null };
    throw invalid(path, `cannot be read: ${messageOf(error)}`, "name another with --secret-file", error);
  }
  const secret = text.trim();
  if (SECRET.test(secret)) return { path, secret };
  throw invalid(
    path,
    "holds no secret: expected 32 letters and digits or more, on one line",
    "remove it, and a coordinator makes a new one",
  );
}

function readOwn(path: string): string {
  const file = openSync(path, "r");
  try {
    const stat = fstatSync(file);
    // A pipe is how a shell hands over what another program prints. Of the rest, none is to be told `chmod
    // 600`.
    if (!stat.isFile() && !stat.isFIFO())
      throw invalid(path, "is no file", "name the file itself with --secret-file");
    refuseOpen(path, stat);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** What this user's processes show a coordinator. @throws {SECRET_INVALID} as {@link readCredential} */
export function userCredential(asked?: string): Credential {
  return readCredential(secretPath(asked));
}

/**
 * The secret in this file, which is made if it is not there. Of several processes that make it at once, one
 * does.
 *
 * @throws {SECRET_INVALID} as {@link readCredential}, and when it cannot be made
 */
export async function ensureCredential(path: string, disk: Disk = realDisk): Promise<CoordinatorCredential> {
  const found = readCredential(path);
  if (found.secret !== null) return { path, secret: found.secret };
  const unfinished = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    await makeFolders(dirname(path));
    await writeFile(unfinished, `${newSecret()}\n`, { mode: 0o600, flag: "wx", flush: true });
    await placeAlone(unfinished, path, disk).catch((error: unknown) => {
      if (readCredential(path).secret === null) throw error;
    });
  } catch (error) {
    if (error instanceof ShardmillError) throw error;
    const hint = "name a file that can be made with --secret-file, or set SHARDMILL_SECRET_FILE";
    throw invalid(path, `cannot be made: ${messageOf(error)}`, hint, error);
  } finally {
    await rm(unfinished, { force: true }).catch(() => {});
  }
  const { secret } = readCredential(path);
  if (secret === null) throw invalid(path, "was removed as it was made", "try again");
  return { path, secret };
}

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

/** Windows keeps what a user's own folder holds to that user, and has no such modes. */
function refuseOpen(path: string, { mode, uid }: Stats): void {
  const user = process.geteuid?.();
  if (user === undefined) return;
  if ((mode & 0o077) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(3, "0");
    throw invalid(path, `can be read by others (its mode is ${octal})`, `chmod 600 ${path}`);
  }
  if (uid !== user && uid !== 0) {
    throw invalid(path, `belongs to another user (${uid})`, "name one of your own with --secret-file");
  }
}

function invalid(path: string, what: string, hint: string, cause?: unknown): ShardmillError {
  return new ShardmillError("SECRET_INVALID", `the secret file ${what}`, {
    fields: { path },
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
