import * as z from "zod";
import { parseJson } from "../core/parse-json.ts";
import { ZOD } from "../core/zod.ts";
import type { FileIndex } from "../domain/dataset.ts";
import { FORMATS } from "../domain/formats.ts";
import { count, field } from "./codec-fields.ts";
import type { FieldCodec } from "./field.ts";

/** Where the rows of a file lie, as the JSON of its format. */
export const FILE_INDEX_SCHEMA: z.ZodType<FileIndex> = z.union([
  // There may be no formats.
  z.never(),
  ...FORMATS.map((format) => format.index(ZOD, { field, count })),
]);

/** It belongs to the file and not to the protocol, as what is in a footer does: it travels as JSON. */
export const fileIndexField: FieldCodec<FileIndex | undefined> = {
  proto: "optional string",
  encode: (value) => (value === undefined ? undefined : JSON.stringify(value)),
  decode(message, name) {
    if (!message.has(name)) return undefined;
    const parsed = FILE_INDEX_SCHEMA.safeParse(parseJson(message.text(name)));
    return parsed.success ? parsed.data : message.fail(name, "is no index of a file");
  },
};
