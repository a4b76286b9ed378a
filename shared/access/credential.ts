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

/** Credential that a process presents to a coordinator: the user's secret or a token, and its file. */
export interface Credential {
  /** Path for errors, which never contain the secret. */
  readonly path: string;
  /** Secret or token. Null: the file does not exist. */
  readonly secret: string | null;
  /** Files by which the coordinator is authenticated. Undefined: no TLS. */
  readonly tls?: ClientTls;
  /** True when the file is read again, because another program may replace the token. */
  readonly isReread?: boolean;
}

/** Credential of a coordinator, which always has a secret. */
export interface CoordinatorCredential extends Credential {
  readonly secret: string;
}

/** 256 bits, which cannot be guessed. */
const SECRET_BYTES = 32;

/**
 * Characters that may follow `Bearer` in a header, and a length that cannot be guessed. Secrets written by
 * hand must match, too.
 */
const SECRET = /^[A-Za-z0-9._~+/=-]{32,1024}$/;

/**
 * Returns the path of the user's secret: `asked`, else `SHARDMILL_SECRET_FILE`, else `shardmill/secret` in
 * the user's configuration folder. That is `XDG_CONFIG_HOME` if it is absolute, else `~/.config`. The file
 * may not exist.
 */
export function secretPath(requested?: string, env: NodeJS.ProcessEnv = process.env): string {
  const named = requested ?? env.SHARDMILL_SECRET_FILE ?? "";
  return named === "" ? configPath("secret", env) : resolve(named);
}

/**
 * Returns the path of the user's tokens file: `asked`, else `SHARDMILL_TOKENS_FILE`, else the one beside the
 * user's secret. The file may not exist.
 */
export function tokensPath(requested?: string, env: NodeJS.ProcessEnv = process.env): string {
  const named = requested ?? env.SHARDMILL_TOKENS_FILE ?? "";
  return named === "" ? configPath("tokens", env) : resolve(named);
}

/** Returns the path of a file in the user's configuration folder. */
function configPath(name: string, env: NodeJS.ProcessEnv): string {
  const { XDG_CONFIG_HOME: users = "" } = env;
  return join(isAbsolute(users) ? users : join(homedir(), ".config"), "shardmill", name);
}

/**
 * Reads the secret from a file that only its owner can read.
 *
 * @throws {SECRET_INVALID} when others may read the file, another user owns it, or it holds no secret
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
    "remove the file: a coordinator makes a new one",
  );
}

/** Reads the credential of the user's processes. @throws {SECRET_INVALID} as {@link readCredential} */
export function userCredential(requested?: string): Credential {
  return readCredential(secretPath(requested));
}

/**
 * Reads the secret from a file, and creates the file if it does not exist. If several processes create it at
 * once, one succeeds and the others read its secret.
 *
 * @throws {SECRET_INVALID} as {@link readCredential}, and when the file cannot be created
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
    const hint = "name another file with --secret-file, or set SHARDMILL_SECRET_FILE";
    throw wrongFile(secretFile(path), `cannot be made: ${messageOf(error)}`, hint, error);
  } finally {
    await rm(unfinished, { force: true }).catch(() => {});
  }
  const { secret } = readCredential(path);
  if (secret === null) throw wrongFile(secretFile(path), "was removed while it was made", "try again");
  return { path, secret };
}

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

/** Checks whether a text can be a secret or a token. */
export function isSecret(text: string): boolean {
  return SECRET.test(text);
}

function secretFile(path: string): OwnFile {
  return { path, noun: "secret", option: "--secret-file", code: "SECRET_INVALID" };
}
