import * as z from "zod";
import { present } from "../../../shared/core/assert.ts";
import { parseBytes } from "../../../shared/core/units.ts";
import { TYPE_NAMES, TYPE_PATTERN, typeOfName } from "../../../shared/domain/column-type-names.ts";
import type { FieldType } from "../../../shared/domain/dataset.ts";
import { type Context, refuse } from "../../../shared/domain/job-rules.ts";
import { QUEUE_FORMS, QUEUE_TITLES, queueBeside, queuePartOf } from "../../../shared/domain/queue-address.ts";
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
    refuse(context, [], "is no size of a window", { expected: "from `1B` to `1GiB`, as in `32MiB`" });
  })
  .meta({ title: "a size, as in `32MiB`" });

const windowSpec = z.strictObject({
  rows: z
    .int()
    .min(1)
    .max(MOST_ROWS)
    .default(5_000)
    .describe("It closes with so many rows; of `files`, with so many files."),
  bytes: windowBytes.default("32MiB").describe("... or with so many bytes of messages."),
  seconds: z
    .number()
    .min(0.01)
    .max(MOST_SECONDS)
    .default(5)
    .describe("... or so long after its first message, whichever comes first."),
  open: z
    .int()
    .min(1)
    .max(MOST_OPEN)
    .default(2)
    .describe(
      "Windows that are run at once. While so many are, and the next is full, no messages are taken.",
    ),
});

/** `trigger.queue` and its companions. */
export const QUEUE_KEYS = {
  queue: address
    .superRefine((text, context) => {
      if (queuePartOf(text) !== null) return;
      refuse(context, [], "is no address of a queue", {
        expected: QUEUE_FORMS,
        hint: "characters with a meaning in addresses are written `%2F`, in passwords too; the virtual host `/` is `%2F`; what may stand behind `?` is in docs/queues.md",
      });
    })
    .exactOptional()
    .describe(`A run over each window of messages of this queue: ${QUEUE_TITLES}. See [queues](queues.md).`),
  message: z
    .enum(["row", "rows", "files"])
    .exactOptional()
    .describe(
      `What a message is: a \`row\`, as an object of JSON; \`rows\`, as objects on lines or in an array; or \`files\`, ${NOTICE_STORES.map((store) => `as ${store} tells of them, or `).join("")}\`{"path": ...}\`. Left out: \`row\`.`,
    ),
  columns: z
    .record(
      z.string().min(1).max(10_000),
      z
        .string()
        .regex(TYPE_PATTERN)
        .meta({
          title: `${TYPE_NAMES.map((name) => `\`${name}\``).join(", ")}, with \`[]\` behind it for lists`,
        }),
    )
    .exactOptional()
    .describe("The columns of `row` and `rows`, by name: the keys of the objects, and their types."),
  window: windowSpec.exactOptional().describe("When a window of messages is closed and run."),
  key: z
    .string()
    .min(1)
    .max(10_000)
    .exactOptional()
    .describe(
      "The column by which a `row` is known when it comes again. Left out: the broker's message id; where there is none, all of the message.",
    ),
  aside: address
    .exactOptional()
    .describe(
      "Where messages go that cannot be read or mapped, each with its reason: the address of a queue, or the name of one on the same broker. Left out: the queue's own dead letters, if its broker has some.",
    ),
  results: address
    .exactOptional()
    .describe(
      "Where each row of a result is sent, too, as an object of JSON: the address of a queue, or the name of one on the same broker.",
    ),
} as const;

const QUEUE_SPEC = z.object(QUEUE_KEYS);
type QueueSpec = Readonly<z.output<typeof QUEUE_SPEC>>;

/** Checks the queue keys in combination. */
export function checkQueue(trigger: QueueSpec, context: Context): void {
  const { queue = "", message = "row", columns, key } = trigger;
  const names = Object.keys(columns ?? {});
  if (message === "files") {
    for (const stranger of (["columns", "key"] as const).filter((name) => trigger[name] !== undefined))
      refuse(context, [stranger], `\`message: files\` and \`${stranger}\` exclude each other`, {
        expected: `\`${stranger}\` beside \`message: row\``,
      });
  } else if (names.length === 0 || names.length > MOST_COLUMNS) {
    refuse(context, ["columns"], names.length === 0 ? "is missing" : "names too many columns", {
      expected: "the columns of the messages, as in `{ id: string, price: float64 }`",
    });
  } else if (key !== undefined && (message !== "row" || !names.includes(key))) {
    const what = message === "row" ? "is none of `columns`" : "is for messages of one row";
    refuse(context, ["key"], what, { expected: `one of \`columns\`, with \`message: row\``, found: key });
  }
  for (const other of ["aside", "results"] as const) {
    const name = trigger[other];
    const beside = name === undefined ? null : queueBeside(queue, name);
    if (name === undefined || queuePartOf(queue) === null) continue;
    if (beside === null)
      refuse(context, [other], "is no address of a queue, and no name of one", { expected: QUEUE_FORMS });
    else if (other === "aside" && queuePartOf(beside) !== queuePartOf(queue))
      refuse(context, [other], "is on another kind of broker", { expected: "a queue as `queue` is one" });
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
  readonly aside: string | null;
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
  const beside = (name: string | undefined) =>
    name === undefined ? null : present(queueBeside(queue, name), "addresses were checked");
  return {
    kind: "queue",
    address: queue,
    message,
    columns: new Map(Object.entries(spec.columns ?? {}).map(([name, type]) => [name, typeOfName(type)])),
    window: { rows, bytes: present(parseBytes(bytes), "sizes were checked"), ms: seconds * 1_000, open },
    key,
    rememberMs,
    aside: beside(spec.aside),
    results: beside(spec.results),
  };
}
