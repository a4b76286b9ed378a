import * as z from "zod";
import { parseJson } from "../core/parse-json.ts";
import { ZOD } from "../core/zod.ts";
import type { FileIndex } from "../domain/dataset.ts";
import { FORMATS } from "../domain/formats.ts";
import { count, field } from "./codec-fields.ts";
import type { FieldCodec } from "./field.ts";

/** Schema of a file's index, as JSON of its format. */
export const FILE_INDEX_SCHEMA: z.ZodType<FileIndex> = z.union([
  // There may be no formats.
  z.never(),
  ...FORMATS.map((format) => format.index(ZOD, { field, count })),
]);

/** Index of a file as JSON. Like a footer, it belongs to the file, not to the protocol. */
export const fileIndexField: FieldCodec<FileIndex | undefined> = {
  proto: "optional string",
  encode: (value) => (value === undefined ? undefined : JSON.stringify(value)),
  decode(message, name) {
    if (!message.has(name)) return undefined;
    const parsed = FILE_INDEX_SCHEMA.safeParse(parseJson(message.text(name)));
    return parsed.success ? parsed.data : message.fail(name, "is no index of a file");
  },
};
