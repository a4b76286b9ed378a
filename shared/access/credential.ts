import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { type Disk, realDisk } from "../core/disk.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { placeAlone } from "../core/hard-link.ts";
import { makeFolders } from "../core/make-folders.ts";
import { readOwnFile } from "./own-file.ts";
import type { ClientTls } from "./tls-files.ts";
import { type OwnFile, wrongFile } from "./wrong-file.ts";

/**
 * What shows a coordinator who a process is: the secret of its user, or a token, and the file where it was
 * looked for.
 */
export interface Credential {
  /** Named in errors; the secret never is. */
  readonly path: string;
  /** Null where there is no such file. */
  readonly secret: string | null;
  /** How the coordinator shows that it is the one that is meant. Left out: not at all, in the clear. */
  readonly tls?: ClientTls;
  /** Whether the file is looked at again: another program may put a new token there. */
  readonly isReread?: boolean;
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
  const named = asked ?? env.SHARDMILL_SECRET_FILE ?? "";
  return named === "" ? configPath("secret", env) : resolve(named);
}

/**
 * Returns the file of a user's tokens: the one that was asked for, else `SHARDMILL_TOKENS_FILE`, else the one
 * beside that user's secret. It may not be there.
 */
export function tokensPath(asked?: string, env: NodeJS.ProcessEnv = process.env): string {
  const named = asked ?? env.SHARDMILL_TOKENS_FILE ?? "";
  return named === "" ? configPath("tokens", env) : resolve(named);
}

/** A file of this user's configuration. */
function configPath(name: string, env: NodeJS.ProcessEnv): string {
  const { XDG_CONFIG_HOME: users = "" } = env;
  return join(isAbsolute(users) ? users : join(homedir(), ".config"), "shardmill", name);
}

/**
 * The secret in a file that only its owner can read.
 *
 * @throws {SECRET_INVALID} when others may read it, it is somebody else's, or it holds no secret
 */
export function readCredential(path: string): Credential {
  const file = secretFile(path);
  const text = readOwnFile(file);
  if (text === null) return { path, secret: null };
  const secret = text.trim();
  if (isSecret(secret)) return { path, secret };
  throw wrongFile(
    file,
    "holds no secret: expected 32 letters and digits or more, on one line",
    "remove it, and a coordinator makes a new one",
  );
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
    throw wrongFile(secretFile(path), `cannot be made: ${messageOf(error)}`, hint, error);
  } finally {
    await rm(unfinished, { force: true }).catch(() => {});
  }
  const { secret } = readCredential(path);
  if (secret === null) throw wrongFile(secretFile(path), "was removed as it was made", "try again");
  return { path, secret };
}

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

/** Whether a text may be a secret or a token. */
export function isSecret(text: string): boolean {
  return SECRET.test(text);
}

function secretFile(path: string): OwnFile {
  return { path, noun: "secret", option: "--secret-file", code: "SECRET_INVALID" };
}
