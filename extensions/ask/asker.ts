import { sleepBy } from "../../shared/core/abort.ts";
import { backoffMs } from "../../shared/core/backoff.ts";
import type { Clock, Timers } from "../../shared/core/clock.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { Random } from "../../shared/core/random.ts";
import type { AnswerLog, LoggedReply } from "./answer-log.ts";
import { type Answer, tokensOf, wordsOf } from "./read-answer.ts";
import type { Reply } from "./send.ts";
import type { ServerGate } from "./server-gate.ts";

/** Parts of an asker. Tests replace the server and the clock. */
interface AskerParts {
  /** Key path of the step, for errors. */
  readonly where: string;
  readonly patienceMs: number;
  readonly gate: ServerGate;
  readonly send: (body: string, signal: AbortSignal) => Promise<Reply>;
  /** Reads the body of a reply with status 200. */
  readonly read: (body: string) => Answer;
  /** Replaces secrets in a text. */
  readonly conceal: (text: string) => string;
  /** Called with the reason when a request has failed twice in a row, and waits. */
  readonly onWait: (why: string) => void;
  readonly clock: Clock & Timers;
  readonly random: Random;
}

/** Tries of a request whose answers do not fit. */
const TRIES = 2;
/**
 * Failures of one request, each while the server answered others. The request is then at fault, as some
 * servers fail with a 500 for a text that they cannot process.
 */
const OWN_FAILURES = 6;
const BACKOFF = { firstMs: 1_000, maxMs: 60_000 };

/** Statuses that another request would get, too: of the key, the address or the model's name. */
const REFUSED = new Set([401, 402, 403, 404, 405, 407]);
/** Statuses of a server that is overloaded, besides 5xx. */
const BUSY = new Set([408, 425, 429]);

/** Asks a server, and logs its replies. */
export class Asker {
  readonly #parts: AskerParts;
  readonly #pending = new Map<string, Promise<Answer>>();

  constructor(parts: AskerParts) {
    this.#parts = parts;
  }

  /**
   * Returns the answer to a request. Equal requests of a shard share one answer.
   *
   * @throws {SERVER_UNAVAILABLE} when the server was unavailable for longer than the patience
   * @throws {STEP_INVALID} when the server refuses the key, the address or the model
   */
  async answer(body: string, log: AnswerLog, signal: AbortSignal): Promise<Answer> {
    const key = sha256(body);
    const name = `${log.name} ${key}`;
    const pending = this.#pending.get(name) ?? this.#ask({ key, body, log, signal });
    this.#pending.set(name, pending);
    try {
      return await pending;
    } finally {
      this.#pending.delete(name);
    }
  }

  async #ask(request: Request): Promise<Answer> {
    const { key, log } = request;
    for (let index = 0; ; index += 1) {
      const reply = log.of(key)[index] ?? (await this.#persist(request));
      if (reply.status !== 200)
        return { kind: "bad", why: `the server answered ${reply.status}: ${wordsOf(reply.body)}` };
      const answer = this.#parts.read(reply.body);
      if (answer.kind === "values" || index + 1 === TRIES) return answer;
    }
  }

  /** Sends a request until the server processes it. Logs the reply. */
  async #persist({ key, body, log, signal }: Request): Promise<LoggedReply> {
    const { gate, send, conceal, onWait, clock, random, patienceMs } = this.#parts;
    let firstMs: number | null = null;
    let answers = gate.answers;
    let own = 0;
    for (let failure = 0; ; failure += 1) {
      const pass = await gate.enter(failure > 0, signal);
      const sentMs = clock.nowMs();
      firstMs ??= sentMs;
      let reply: Reply;
      try {
        reply = await send(body, signal);
        if (reply.kind === "reply" && !isBusy(reply.status)) {
          const kept = { status: reply.status, body: conceal(reply.body) };
          if (kept.status === 200 || !isRefused(kept.status)) log.add(key, kept);
          pass.answered(tokensOf(kept.body));
          if (isRefused(kept.status)) throw this.#refused(kept);
          return kept;
        }
      } catch (error) {
        pass.left();
        throw error;
      }
      const afterMs = reply.kind === "reply" ? reply.afterMs : null;
      pass.refused(afterMs);
      if (gate.answers > answers && !(reply.kind === "reply" && BUSY.has(reply.status))) own += 1;
      answers = gate.answers;
      if (own === OWN_FAILURES) return faultOf(reply, conceal);
      const leftMs = patienceMs - (clock.nowMs() - firstMs);
      if (leftMs <= 0) throw this.#unavailable(reply);
      if (failure > 0) onWait(conceal(whyOf(reply)));
      await sleepBy(clock, Math.min(leftMs, afterMs ?? backoffMs(failure, BACKOFF, random.unit())), signal);
    }
  }

  #refused({ status, body }: LoggedReply): ShardmillError {
    const { where } = this.#parts;
    return new ShardmillError("STEP_INVALID", `${where}: the server answered ${status}: ${wordsOf(body)}`, {
      fields: { where, status },
      hint: "check `url`, `key` and `model`",
    });
  }

  #unavailable(reply: Reply): ShardmillError {
    const { where, patienceMs, conceal } = this.#parts;
    const seconds = Math.round(patienceMs / 1_000);
    return new ShardmillError("SERVER_UNAVAILABLE", `${where}: ${conceal(whyOf(reply))}, for ${seconds} s`, {
      fields: { where, waitedSeconds: seconds },
    });
  }
}

interface Request {
  readonly key: string;
  readonly body: string;
  readonly log: AnswerLog;
  readonly signal: AbortSignal;
}

function isBusy(status: number): boolean {
  return status >= 500 || BUSY.has(status);
}

function isRefused(status: number): boolean {
  return (status >= 300 && status < 400) || REFUSED.has(status);
}

function whyOf(reply: Reply): string {
  return reply.kind === "broken"
    ? `the server ${reply.why}`
    : `the server answered ${reply.status}: ${wordsOf(reply.body)}`;
}

function faultOf(reply: Reply, conceal: (text: string) => string): LoggedReply {
  return reply.kind === "reply"
    ? { status: reply.status, body: conceal(reply.body) }
    : { status: 0, body: conceal(`it ${reply.why}`) };
}
