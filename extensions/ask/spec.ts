import type { z } from "zod";
import { parseDurationMs } from "../../shared/core/units.ts";
import type { Zod } from "../../shared/core/zod.ts";
import type { SpecParts } from "../../shared/extension/feature.ts";
import { columnName } from "../../shared/input-sources/input-source.ts";

/** Keys of the step in the job file. */
export interface AskSpec {
  readonly url: string;
  readonly key?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly model: string;
  readonly system?: string;
  readonly prompt: string;
  readonly answer?: Readonly<Record<string, unknown>>;
  readonly column: string;
  readonly tokens?: string;
  readonly request: Readonly<Record<string, unknown>>;
  readonly concurrency: number;
  readonly perMinute: { readonly requests?: number; readonly tokens?: number };
  readonly patience: string;
  readonly timeout: string;
}

/** Limit of texts in a request. A longer one is a mistake. */
const MOST_CHARS = 1_000_000;
/** Limit of requests at once over the job. Each is a connection. */
const MOST_AT_ONCE = 65_536;

/** Builds the schema of the key's value. */
export function askSpec(z: Zod, { refuse }: SpecParts) {
  const text = z.string().min(1).max(MOST_CHARS);
  const duration = durationText(z, refuse);
  const secret = z.string().min(1).max(10_000).meta({ writeOnly: true });
  const rate = z.number().positive();
  const anyKeys = z.object({}).loose();
  const perMinute = z.strictObject({
    requests: rate.exactOptional().describe("Limit of requests."),
    tokens: rate
      .exactOptional()
      .describe("Limit of tokens, in questions and answers, as the server counts them."),
  });
  return z.strictObject({
    url: z
      .string()
      .max(10_000)
      .describe("Address of the server's chat completions: `http://HOST:8000/v1/chat/completions`."),
    key: secret
      .exactOptional()
      .describe(
        "Key of the server, as a reference to a variable in the environment of the workers: `${LLM_KEY}`. The value reaches no file and no other machine.",
      ),
    headers: z
      .record(z.string(), secret)
      .default({})
      .describe("Further headers. A value may have references, as in `key`. Default: none."),
    model: z.string().min(1).max(1_000).describe("Name of the model at the server."),
    system: text.exactOptional().describe("Message of the system. It may name columns. Default: none."),
    prompt: text.describe("Question about a row. `{text}` is the value of column `text`, and `{{` a brace."),
    answer: anyKeys
      .exactOptional()
      .describe(
        "JSON Schema of the answer: an object. Each of its properties becomes a column. Default: the text of the answer is a column.",
      ),
    column: columnName(z)
      .default("answer")
      .describe("Column of the answer's text, without `answer`. Default: `answer`."),
    tokens: columnName(z)
      .exactOptional()
      .describe(
        "Column of the tokens of each row's question and answer, as the server counts them. Default: none.",
      ),
    request: anyKeys
      .default({})
      .describe("Further keys of each request, such as `max_tokens` and `temperature`. Default: none."),
    concurrency: z
      .int()
      .min(1)
      .max(MOST_AT_ONCE)
      .default(16)
      .describe("Limit of requests at once, over the whole job. Default: 16."),
    perMinute: perMinute.default({}).describe("Limits for each minute, over the whole job. Default: none."),
    patience: duration
      .default("30m")
      .describe("How long a row waits for a server that is unavailable or overloaded. Default: `30m`."),
    timeout: duration
      .default("10m")
      .describe("How long a server may be silent. Then the request is sent again. Default: `10m`."),
  });
}

function durationText(z: Zod, refuse: SpecParts["refuse"]) {
  return (z.string().max(20) as z.ZodString)
    .superRefine((value, context) => {
      if (parseDurationMs(value) !== null) return;
      const expected = "a whole number and its unit, as in `30s`, `15m`, `6h`";
      refuse(context, [], "is not a duration", { expected });
    })
    .meta({ title: "a duration, as in `15m`" });
}
