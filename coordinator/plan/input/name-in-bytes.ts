import { readdir } from "node:fs/promises";

/** A name that is not UTF-8, which Node gives with U+FFFD in it, with its bytes beyond ASCII as `\xfc`. */
export async function nameInBytes(folder: string, name: string): Promise<string> {
  const names = await readdir(folder, { encoding: "buffer" });
  const bytes = names.find((each) => each.toString("utf8") === name);
  if (bytes === undefined) return name;
  return bytes
    .toString("latin1")
    .replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
