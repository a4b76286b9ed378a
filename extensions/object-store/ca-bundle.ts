import { readFile } from "node:fs/promises";
import { messageOf } from "../../shared/core/errors.ts";

const PEM = "a file of certificates in PEM";

/**
 * Reads the certificates of authorities that a setting names.
 *
 * @param refuse makes the error, from the setting's fault and its expected value
 */
export async function readCaBundle(
  path: string,
  refuse: (what: string, expected: string, cause?: unknown) => Error,
): Promise<string> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw refuse(`cannot be read: ${messageOf(cause)}`, PEM, cause);
  });
  if (!text.includes("-----BEGIN CERTIFICATE-----")) throw refuse("has no certificates in PEM", PEM);
  return text;
}
