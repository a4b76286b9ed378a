import { createHmac, timingSafeEqual } from "node:crypto";
import type { Identity } from "./judge.ts";

/** What a pass is for: `session` is what a browser keeps, `login` what it gets one for. */
type PassUse = "session" | "login";

/** A working day; and as long as it takes to open an address. */
export const PASS_MS: Readonly<Record<PassUse, number>> = { session: 12 * 3_600_000, login: 60_000 };

interface Pass {
  readonly use: PassUse;
  /** The token whose holder it stands for; null: the secret. */
  readonly token: string | null;
  readonly untilMs: number;
}

/**
 * What stands for a secret or a token in a browser, which keeps neither: signed by a key that follows from
 * the secret, so that nothing has to be remembered, and a coordinator that comes back knows it. A token that
 * is revoked takes its passes with it, another secret all of them.
 */
export class BrowserPasses {
  readonly #key: Buffer;
  readonly #nowMs: () => number;

  constructor(secret: string, nowMs: () => number) {
    this.#key = createHmac("sha256", secret).update("shardmill browser pass").digest();
    this.#nowMs = nowMs;
  }

  issue({ token }: Identity, use: PassUse): string {
    const pass: Pass = { use, token: token?.id ?? null, untilMs: this.#nowMs() + PASS_MS[use] };
    const body = Buffer.from(JSON.stringify(pass)).toString("base64url");
    return `${body}.${this.#sign(body).toString("base64url")}`;
  }

  /** The token, null for the secret; undefined when it is no pass, is over, or for another use. */
  read(text: string, use: PassUse): string | null | undefined {
    const [body = "", signature = ""] = text.split(".");
    const signed = this.#sign(body);
    const sent = Buffer.from(signature, "base64url");
    if (sent.length !== signed.length || !timingSafeEqual(sent, signed)) return undefined;
    // Signed here, so its form needs no check.
    const pass = JSON.parse(Buffer.from(body, "base64url").toString()) as Pass;
    return pass.use === use && this.#nowMs() < pass.untilMs ? pass.token : undefined;
  }

  #sign(body: string): Buffer {
    return createHmac("sha256", this.#key).update(body).digest();
  }
}
