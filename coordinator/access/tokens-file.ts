import { appendFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { readOwnFile } from "../../shared/access/own-file.ts";
import { type OwnFile, wrongFile } from "../../shared/access/wrong-file.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { foldTokens, type Token, type TokenLine } from "./tokens.ts";

/** Interval of looks at the file: a running coordinator applies a new or revoked token this soon. */
const LOOK_MS = 1_000;

/** @throws {TOKEN_INVALID} when other users can open the file, or a line is invalid */
export function readTokens(path: string): ReadonlyMap<string, Token> {
  return foldTokens(readOwnFile(tokensFile(path)) ?? "", path);
}

/** Adds a line to the file, and makes the file if it is missing. @throws {TOKEN_INVALID} */
export async function addTokenLine(path: string, line: TokenLine): Promise<void> {
  // Check first: add nothing to a file that other users can write, or that has an invalid line.
  const text = readOwnFile(tokensFile(path)) ?? "";
  foldTokens(text, path);
  const broken = text === "" || text.endsWith("\n") ? "" : "\n";
  try {
    await makeFolders(dirname(path));
    appendFileSync(path, `${broken}${JSON.stringify(line)}\n`, { mode: 0o600, flush: true });
  } catch (error) {
    const hint = "name another file with --tokens-file, or set SHARDMILL_TOKENS_FILE";
    throw wrongFile(tokensFile(path), `cannot be written: ${messageOf(error)}`, hint, error);
  }
}

/** Tokens of a running coordinator. On use, checks the file for changes at most once a second. */
export class TokensFile {
  readonly #path: string;
  readonly #nowMs: () => number;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #mark = "";
  #tokens: ReadonlyMap<string, Token> = new Map();
  #broken: unknown = null;

  constructor(path: string, nowMs: () => number) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  /** @throws {TOKEN_INVALID} while the file cannot be read, because it may revoke any token */
  get tokens(): ReadonlyMap<string, Token> {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lookedMs >= LOOK_MS || nowMs < this.#lookedMs) {
      this.#lookedMs = nowMs;
      this.#look();
    }
    if (this.#broken !== null) throw this.#broken;
    return this.#tokens;
  }

  #look(): void {
    const mark = markOf(this.#path);
    if (mark === this.#mark && this.#broken === null) return;
    try {
      this.#tokens = readTokens(this.#path);
      this.#mark = mark;
      this.#broken = null;
    } catch (error) {
      this.#broken = error;
    }
  }
}

/** Returns a text that changes when the file is replaced or changed. */
function markOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "none" : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.mode}`;
}

function tokensFile(path: string): OwnFile {
  return { path, noun: "tokens", option: "--tokens-file", code: "TOKEN_INVALID" };
}
