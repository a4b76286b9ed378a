import { appendFileSync } from "node:fs";
import type { AuditEvent } from "../../shared/access/audit-event.ts";
import { messageOf, ShardmillError, toShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { Who } from "../../shared/wire/server-call.ts";

/** Limit of a text from a client: people read the lines. */
const MOST_CHARS = 300;
/** Refusals that are written per minute. A client can cause one with every call, so others are counted. */
const REFUSALS = { most: 60, windowMs: 60_000 } as const;

/**
 * Log of who submitted, cancelled, paused, joined or was refused. Each event is a line of JSON in a file, or
 * else an entry of the coordinator's log.
 */
export class AuditLog {
  readonly #path: string | null;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  #window = { startMs: Number.NEGATIVE_INFINITY, refusals: 0 };
  #omitted = 0;

  /** @throws {ARGUMENT_INVALID} when the file cannot be written */
  constructor(path: string | null, log: Logger, nowMs: () => number = Date.now) {
    this.#path = path;
    this.#log = log;
    this.#nowMs = nowMs;
    if (path === null) return;
    try {
      append(path, "");
    } catch (cause) {
      throw new ShardmillError("ARGUMENT_INVALID", `--audit-log cannot be written: ${messageOf(cause)}`, {
        fields: { path },
        hint: "name a file in an existing folder that this user can write to",
        cause,
      });
    }
  }

  /** Records an event. Never fails: a line that cannot be written goes to the coordinator's log. */
  record({ name, peer }: Pick<Who, "name" | "peer">, event: AuditEvent): void {
    const nowMs = this.#nowMs();
    if (event.event === "refused" && !this.#mayRecord(nowMs)) {
      this.#omitted += 1;
      return;
    }
    const omitted = this.#omitted === 0 ? {} : { refusalsOmitted: this.#omitted };
    this.#omitted = 0;
    const line = { at: new Date(nowMs).toISOString(), who: name, peer, ...event, ...omitted };
    if (this.#path === null) {
      this.#log.info({ audit: line }, event.event);
      return;
    }
    try {
      append(this.#path, `${JSON.stringify(line, shortened)}\n`);
    } catch (error) {
      this.#log.error({ err: error, audit: line }, "the audit log cannot be written");
    }
  }

  #mayRecord(nowMs: number): boolean {
    if (Math.abs(nowMs - this.#window.startMs) >= REFUSALS.windowMs)
      this.#window = { startMs: nowMs, refusals: 0 };
    this.#window.refusals += 1;
    return this.#window.refusals <= REFUSALS.most;
  }
}

/** @param method name of the gRPC method, or HTTP method and path */
export function refusedAs(method: string, refusal: unknown): AuditEvent {
  const { code, message } = toShardmillError(refusal);
  return { event: "refused", method, code, why: message };
}

/**
 * Appends in one write, because a face's thread writes there, too. Opens the file by its name each time,
 * because it may be rotated.
 */
function append(path: string, text: string): void {
  appendFileSync(path, text, { mode: 0o600 });
}

function shortened(_key: string, value: unknown): unknown {
  return typeof value === "string" && value.length > MOST_CHARS ? `${value.slice(0, MOST_CHARS)}…` : value;
}
