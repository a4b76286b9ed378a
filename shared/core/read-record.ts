import { readFile } from "node:fs/promises";
import type * as z from "zod";

/**
 * What is noted beside something that is kept, and can be made again; null where it is not there, cannot be
 * read, or is of another version.
 */
export async function readRecord<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  try {
    return schema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null;
  }
}
