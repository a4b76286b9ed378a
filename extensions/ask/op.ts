import type { Zod } from "../../shared/core/zod.ts";

/** Step that asks a server about each row. */
export interface AskOp {
  readonly url: string;
  readonly model: string;
  /** Headers with secrets, each with references to the worker's environment: `Bearer ${LLM_KEY}`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Null: no message of the system. */
  readonly system: string | null;
  readonly prompt: string;
  /** JSON Schema of the answer. Null: its text is one column. */
  readonly answer: Readonly<Record<string, unknown>> | null;
  /** Column of the answer's text. */
  readonly column: string;
  /** Column of the tokens. Undefined: none. */
  readonly tokens?: string;
  /** Further keys of each request. */
  readonly request: Readonly<Record<string, unknown>>;
  /** Limits over the whole job. Null: no limit. */
  readonly concurrency: number;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly patienceMs: number;
  readonly timeoutMs: number;
}

export function askOp(z: Zod) {
  const anyKeys = z.object({}).loose();
  return z.object({
    url: z.string(),
    model: z.string(),
    headers: z.record(z.string(), z.string()),
    system: z.string().nullable(),
    prompt: z.string(),
    answer: anyKeys.nullable(),
    column: z.string(),
    tokens: z.string().exactOptional(),
    request: anyKeys,
    concurrency: z.int().min(1),
    requestsPerMinute: z.number().positive().nullable(),
    tokensPerMinute: z.number().positive().nullable(),
    patienceMs: z.number().min(0),
    timeoutMs: z.number().positive(),
  });
}

/** Describes the step: `qwen at https://llm.example, 16 at once, 6000 requests a minute`. */
export function askText({ url, model, ...limits }: AskOp): string {
  const rates = [
    limits.requestsPerMinute === null ? [] : [`${limits.requestsPerMinute} requests a minute`],
    limits.tokensPerMinute === null ? [] : [`${limits.tokensPerMinute} tokens a minute`],
  ].flat();
  return [`${model} at ${new URL(url).origin}`, `${limits.concurrency} at once`, ...rates].join(", ");
}
