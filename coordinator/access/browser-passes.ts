import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import type { CallerIdentity } from "../../shared/access/callers.ts";

/** What a pass is for: `session` is what a browser keeps, `login` what it gets one for. */
type PassUse = "session" | "login";

/** A working day; and as long as it takes to open an address. */
export const PASS_MS: Readonly<Record<PassUse, number>> = { session: 12 * 3_600_000, login: 60_000 };

interface Pass {
  readonly use: PassUse;
  /** The token whose holder it stands for; null: the secret. */
  readonly token: string | null;
  readonly untilMs: number;
  /** Random: tells two passes of one holder apart. */
  readonly id: string;
}

/**
 * Passes that stand for a secret or a token in a browser, which keeps neither. They are signed by a key that
 * follows from the secret, so a coordinator that restarts knows them. A revoked token ends its passes,
 * another secret ends all of them. A pass that is ended is refused as long as this process lives.
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

  /** Returns the token, null for the secret; undefined for what is no pass, has ended, or has another use. */
  read(text: string, use: PassUse): string | null | undefined {
    return this.#valid(text, use)?.token;
  }

  /** Ends a pass: from now on it is none. */
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
    // Signed here, so its form needs no check.
    const pass = JSON.parse(Buffer.from(body, "base64url").toString()) as Pass;
    return pass.use === use && this.#nowMs() < pass.untilMs && !this.#ended.has(pass.id) ? pass : null;
  }

  #sign(body: string): Buffer {
    return createHmac("sha256", this.#key).update(body).digest();
  }
}
