import { readFile } from "node:fs/promises";
import type * as z from "zod";

/** Reads a record that can be made again. Null: missing, unreadable, or of another version. */
export async function readRecord<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  try {
    return schema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null;
  }
}
