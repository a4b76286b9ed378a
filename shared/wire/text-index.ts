import * as z from "zod";
import { parseJson } from "../core/parse-json.ts";
import { CSV_ENCODINGS, type TextIndex } from "../domain/dataset.ts";
import { count, field } from "./codec-fields.ts";
import type { FieldCodec } from "./field.ts";

const fields = z.array(field);

/** Where the rows of a text file lie, as JSON. */
export const TEXT_INDEX_SCHEMA: z.ZodType<TextIndex> = z.object({
  form: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("csv"),
      encoding: z.enum(CSV_ENCODINGS).exactOptional(),
      delimiter: z.string().length(1),
      quote: z.string().max(1),
      escape: z.string().max(1),
      skip: count,
      header: z.boolean(),
      nulls: z.array(z.string()),
      decimal: z.enum([".", ","]),
      dateFormat: z.string().nullable(),
      timestampFormat: z.string().nullable(),
      fields,
    }),
    z.object({ kind: z.literal("json"), fields }),
  ]),
  isGzip: z.boolean(),
  firstRow: count,
  stretches: z.array(z.object({ start: count, bytes: count, rows: count, line: count, crc32: count })),
});

/** It belongs to the file and not to the protocol, as what is in a footer does: it travels as JSON. */
export const textIndexField: FieldCodec<TextIndex | undefined> = {
  proto: "optional string",
  encode: (value) => (value === undefined ? undefined : JSON.stringify(value)),
  decode(message, name) {
    if (!message.has(name)) return undefined;
    const parsed = TEXT_INDEX_SCHEMA.safeParse(parseJson(message.text(name)));
    return parsed.success ? parsed.data : message.fail(name, "is no index of a text file");
  },
};
