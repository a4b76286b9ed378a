import { statSync } from "node:fs";
import { type Credential, isSecret } from "./credential.ts";
import { readOwnFile } from "./own-file.ts";
import { type OwnFile, wrongFile } from "./wrong-file.ts";

/** So soon a token that was exchanged in its file is the one that is sent. */
const LOOK_MS = 1_000;

/** The token in a file of its user's. @throws {TOKEN_INVALID} when others can open it, or it holds none */
export function tokenCredential(path: string): Credential {
  const file: OwnFile = { path, noun: "token", option: "--token-file", code: "TOKEN_INVALID" };
  const text = readOwnFile(file)?.trim();
  if (text === undefined) throw wrongFile(file, "is not there", "make a token: shardmill token create");
  if (!isSecret(text)) throw wrongFile(file, "holds no token", "make one: shardmill token create");
  return { path, secret: text, isReread: true };
}

/** The token in the environment. @throws {TOKEN_INVALID} when it is none */
export function tokenFrom(variable: string, text: string): Credential {
  const file: OwnFile = { path: variable, noun: "token", option: "--token-file", code: "TOKEN_INVALID" };
  if (isSecret(text)) return { path: variable, secret: text };
  throw wrongFile(file, "holds no token", "unset it, or set it to what `shardmill token create` printed");
}

/** What is shown with each call: of a token in a file, what stands there now. */
export class FreshCredential {
  #current: Credential;
  #lookedMs = 0;
  #mark = "";

  constructor(credential: Credential) {
    this.#current = credential;
  }

  /** A file that cannot be read just now, as while it is exchanged, leaves the token as it was. */
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
      // As it was.
    }
    return this.#current;
  }
}
