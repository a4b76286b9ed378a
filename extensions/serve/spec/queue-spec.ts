import * as z from "zod";
import { present } from "../../../shared/core/assert.ts";
import { parseBytes } from "../../../shared/core/units.ts";
import { TYPE_NAMES, TYPE_PATTERN, typeOfName } from "../../../shared/domain/column-type-names.ts";
import type { FieldType } from "../../../shared/domain/dataset.ts";
import { type Context, refuse } from "../../../shared/domain/job-rules.ts";
import {
  QUEUE_FORMS,
  QUEUE_TITLES,
  queuePartOf,
  siblingQueue,
} from "../../../shared/domain/queue-address.ts";
import { NOTICE_STORES } from "../../../shared/domain/store-schemes.ts";

/** Placeholder input of a job whose input are windows of messages. */
export const WINDOW_INPUT = "_window.arrow";

/** Limits of a window, which is gathered in memory, with its keys. */
const MOST_ROWS = 1_000_000;
const MOST_BYTES = 1 << 30;
const MOST_SECONDS = 3_600;
/** Limit of windows that run concurrently. Each run holds its journal and its messages. */
const MOST_OPEN = 16;
const MOST_COLUMNS = 1_000;

const address = z.string().min(1).max(2_000);

const windowBytes = z
  .string()
  .max(20)
  .superRefine((text, context) => {
    const bytes = parseBytes(text);
    if (bytes !== null && bytes >= 1 && bytes <= MOST_BYTES) return;
    refuse(context, [], "is not a window size", { expected: "from `1B` to `1GiB`, as in `32MiB`" });
  })
  .meta({ title: "a size, as in `32MiB`" });

const windowSpec = z.strictObject({
  rows: z
    .int()
    .min(1)
    .max(MOST_ROWS)
    .default(5_000)
    .describe("Limit of rows in a window. With `message: files`: limit of files."),
  bytes: windowBytes.default("32MiB").describe("Limit of bytes of messages in a window."),
  seconds: z
    .number()
    .min(0.01)
    .max(MOST_SECONDS)
    .default(5)
    .describe(
      "Limit of time after the first message of a window. A window closes at the first of its limits.",
    ),
  open: z
    .int()
    .min(1)
    .max(MOST_OPEN)
    .default(2)
    .describe(
      "Limit of windows that run concurrently. At this limit, when the next window is full, no more messages are received.",
    ),
});

/** `trigger.queue` and its companions. */
export const QUEUE_KEYS = {
  queue: address
    .superRefine((text, context) => {
      if (queuePartOf(text) !== null) return;
      refuse(context, [], "is not the address of a queue", {
        expected: QUEUE_FORMS,
        hint: "write reserved characters as in `%2F`, also in passwords and for the virtual host `/`. Options after `?` are in docs/queues.md",
      });
    })
    .exactOptional()
    .describe(`A run over each window of messages of this queue: ${QUEUE_TITLES}. See [queues](queues.md).`),
  message: z
    .enum(["row", "rows", "files"])
    .exactOptional()
    .describe(
      `The content of a message. \`row\`: a JSON object. \`rows\`: JSON objects, one per line or in an array. \`files\`: ${NOTICE_STORES.map((store) => `an event notification of ${store}, or `).join("")}\`{"path": ...}\`. Default: \`row\`.`,
    ),
  columns: z
    .record(
      z.string().min(1).max(10_000),
      z
        .string()
        .regex(TYPE_PATTERN)
        .meta({
          title: `${TYPE_NAMES.map((name) => `\`${name}\``).join(", ")}, followed by \`[]\` for lists`,
        }),
    )
    .exactOptional()
    .describe("The columns of `row` and `rows`: the keys of the JSON objects, and their types."),
  window: windowSpec.exactOptional().describe("Limits of a window of messages. A closed window is run."),
  key: z
    .string()
    .min(1)
    .max(10_000)
    .exactOptional()
    .describe(
      "The column that identifies a `row`, so that duplicates are detected. Default: the broker's message id, or else the whole message.",
    ),
  deadLetters: address
    .exactOptional()
    .describe(
      "The dead-letter queue for messages that cannot be read or mapped, each with the reason. An address, or the name of a queue on the same broker. Default: the dead-letter queue that the broker has for `queue`, if any.",
    ),
  results: address
    .exactOptional()
    .describe(
      "The queue to which each row of a result is also sent, as a JSON object. An address, or the name of a queue on the same broker.",
    ),
} as const;

const QUEUE_SPEC = z.object(QUEUE_KEYS);
type QueueSpec = Readonly<z.output<typeof QUEUE_SPEC>>;

/** Checks the queue keys in combination. */
export function checkQueue(trigger: QueueSpec, context: Context): void {
  const { queue = "", message = "row", columns, key } = trigger;
  const names = Object.keys(columns ?? {});
  if (message === "files") {
    for (const unsupported of (["columns", "key"] as const).filter((name) => trigger[name] !== undefined))
      refuse(context, [unsupported], `\`message: files\` and \`${unsupported}\` exclude each other`, {
        expected: `\`${unsupported}\` with \`message: row\``,
      });
  } else if (names.length === 0 || names.length > MOST_COLUMNS) {
    refuse(context, ["columns"], names.length === 0 ? "is missing" : "names too many columns", {
      expected: "the columns of the messages, as in `{ id: string, price: float64 }`",
    });
  } else if (key !== undefined && (message !== "row" || !names.includes(key))) {
    const what = message === "row" ? "is not among `columns`" : "is for messages of one row";
    refuse(context, ["key"], what, { expected: `one of \`columns\`, with \`message: row\``, found: key });
  }
  for (const other of ["deadLetters", "results"] as const) {
    const name = trigger[other];
    const sibling = name === undefined ? null : siblingQueue(queue, name);
    if (name === undefined || queuePartOf(queue) === null) continue;
    if (sibling === null)
      refuse(context, [other], "is neither the address nor the name of a queue", { expected: QUEUE_FORMS });
    else if (other === "deadLetters" && queuePartOf(sibling) !== queuePartOf(queue))
      refuse(context, [other], "is on a broker of another kind", {
        expected: "a queue on the same kind of broker as `queue`",
      });
  }
}

/** Queue trigger, with defaults. */
export interface QueueTrigger {
  readonly kind: "queue";
  /** Address with credentials. Never show it. */
  readonly address: string;
  readonly message: "row" | "rows" | "files";
  /** Columns in order. Empty for messages of files. */
  readonly columns: ReadonlyMap<string, FieldType>;
  readonly window: WindowLimits;
  readonly key: string | null;
  readonly rememberMs: number;
  /** Address like `address`. Null: none. */
  readonly deadLetters: string | null;
  readonly results: string | null;
}

export interface WindowLimits {
  readonly rows: number;
  readonly bytes: number;
  readonly ms: number;
  readonly open: number;
}

/** @param spec checked keys */
export function queueTriggerOf(
  spec: QueueSpec & { readonly queue: string },
  rememberMs: number,
): QueueTrigger {
  const { queue, message = "row", key = null } = spec;
  const { rows, bytes, seconds, open } = spec.window ?? windowSpec.parse({});
  const sibling = (name: string | undefined) =>
    name === undefined ? null : present(siblingQueue(queue, name), "addresses were checked");
  return {
    kind: "queue",
    address: queue,
    message,
    columns: new Map(Object.entries(spec.columns ?? {}).map(([name, type]) => [name, typeOfName(type)])),
    window: { rows, bytes: present(parseBytes(bytes), "sizes were checked"), ms: seconds * 1_000, open },
    key,
    rememberMs,
    deadLetters: sibling(spec.deadLetters),
    results: sibling(spec.results),
  };
}
