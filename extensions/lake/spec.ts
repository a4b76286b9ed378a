import type { Zod } from "../../shared/core/zod.ts";

/** Form of a time: a day, or a time with a zone. */
const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/**
 * Builds the schema of the option `asOf`.
 *
 * @param reads what is read at a time: `the newest version that was committed until then`
 */
export function asOfOption(z: Zod, reads: string) {
  return z
    .string()
    .max(100)
    .regex(TIME)
    .meta({ title: "a day, or a time with its zone: `2026-12-03`, `2026-12-03T08:00:00Z`" })
    .exactOptional()
    .describe(
      `Time, as in \`2026-12-03T08:00:00Z\`: reads ${reads}. A day means its first moment, in UTC. Not ` +
        "together with other options that choose a state.",
    );
}
