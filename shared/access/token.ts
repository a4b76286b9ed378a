import { statSync } from "node:fs";
import { type Credential, isSecret } from "./credential.ts";
import { readOwnFile } from "./own-file.ts";
import { type OwnFile, wrongFile } from "./wrong-file.ts";

/** Interval of checks for a replaced token file. A new token is used within this time. */
const LOOK_MS = 1_000;

/**
 * Reads the token from a user's file. @throws {TOKEN_INVALID} when others can open it, or it holds no token
 */
export function tokenCredential(path: string): Credential {
  const file: OwnFile = { path, noun: "token", option: "--token-file", code: "TOKEN_INVALID" };
  const text = readOwnFile(file)?.trim();
  if (text === undefined) throw wrongFile(file, "is not there", "make a token: shardmill token create");
  if (!isSecret(text)) throw wrongFile(file, "holds no token", "make one: shardmill token create");
  return { path, secret: text, isReread: true };
}

/** Checks the token from the environment. @throws {TOKEN_INVALID} when it is not a token */
export function tokenFrom(variable: string, text: string): Credential {
  const file: OwnFile = { path: variable, noun: "token", option: "--token-file", code: "TOKEN_INVALID" };
  if (isSecret(text)) return { path: variable, secret: text };
  throw wrongFile(file, "holds no token", "unset it, or set it to the output of `shardmill token create`");
}

/** Credential for each call. A token in a file is read again when the file changes. */
export class FreshCredential {
  #current: Credential;
  #lookedMs = 0;
  #mark = "";

  constructor(credential: Credential) {
    this.#current = credential;
  }

  /**
   * Returns the current credential. Keeps the previous token while the file cannot be read, as during its
   * replacement.
   */
  at(nowMs: number): Credential {
    const { isReread, path } = this.#current;
    if (isReread !== true || Math.abs(nowMs - this.#lookedMs) < LOOK_MS) return this.#current;
    this.#lookedMs = nowMs;
    try {
      const { ino, mtimeMs, size } = statSync(path);
      const mark = `${ino} ${mtimeMs} ${size}`;
      if (mark !== this.#mark) this.#current = { ...this.#current, ...tokenCredential(path) };
      this.#mark = mark;
    } catch {
      // Keep the previous token.
    }
    return this.#current;
  }
}
