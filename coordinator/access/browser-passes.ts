import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import type { CallerIdentity } from "../../shared/access/callers.ts";

/** Use of a pass. A browser keeps a `session` pass, and exchanges a `login` pass for one. */
type PassUse = "session" | "login";

/** Lifetime of a pass. A session lasts a working day, and a login as long as opening an address takes. */
export const PASS_MS: Readonly<Record<PassUse, number>> = { session: 12 * 3_600_000, login: 60_000 };

interface Pass {
  readonly use: PassUse;
  /** ID of the token that the pass represents. Null: the secret. */
  readonly token: string | null;
  readonly untilMs: number;
  /** Random ID, which distinguishes two passes of one holder. */
  readonly id: string;
}

/**
 * Passes that represent a secret or a token in a browser, which keeps neither. They are signed by a key
 * derived from the secret, so they stay valid when the coordinator restarts. Revoking a token ends its
 * passes, and a new secret ends all passes. A pass that was ended by `end` is refused until this process
 * exits.
 */
export class BrowserPasses {
  readonly #key: Buffer;
  readonly #nowMs: () => number;
  /** Time of expiry, by id. */
  readonly #ended = new Map<string, number>();

  constructor(secret: string, nowMs: () => number) {
    this.#key = createHmac("sha256", secret).update("shardmill browser pass").digest();
    this.#nowMs = nowMs;
  }

  issue({ token }: CallerIdentity, use: PassUse): string {
    const pass: Pass = {
      use,
      token: token?.id ?? null,
      untilMs: this.#nowMs() + PASS_MS[use],
      id: randomUUID(),
    };
    const body = Buffer.from(JSON.stringify(pass)).toString("base64url");
    return `${body}.${this.#sign(body).toString("base64url")}`;
  }

  /** Returns the token ID. Null: the secret. Undefined: the pass is invalid, ended, or for another use. */
  read(text: string, use: PassUse): string | null | undefined {
    return this.#valid(text, use)?.token;
  }

  /** Ends a pass: it is invalid from now on. */
  end(text: string, use: PassUse): void {
    const nowMs = this.#nowMs();
    for (const [id, untilMs] of this.#ended) if (untilMs <= nowMs) this.#ended.delete(id);
    const pass = this.#valid(text, use);
    if (pass !== null) this.#ended.set(pass.id, pass.untilMs);
  }

  #valid(text: string, use: PassUse): Pass | null {
    const [body = "", signature = ""] = text.split(".");
    const signed = this.#sign(body);
    const sent = Buffer.from(signature, "base64url");
    if (sent.length !== signed.length || !timingSafeEqual(sent, signed)) return null;
    // The signature is ours, so the form needs no check.
    const pass = JSON.parse(Buffer.from(body, "base64url").toString()) as Pass;
    return pass.use === use && this.#nowMs() < pass.untilMs && !this.#ended.has(pass.id) ? pass : null;
  }

  #sign(body: string): Buffer {
    return createHmac("sha256", this.#key).update(body).digest();
  }
}
