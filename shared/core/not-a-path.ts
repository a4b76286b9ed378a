import type { Problem } from "./errors.ts";

/** `s3://bucket/key`, `file:///data`: the scheme is two letters or more. */
const ADDRESS = /^[A-Za-z][A-Za-z0-9+.-]+:\/\//;

/**
 * Why a text cannot be a path on this machine; null when it can. As a relative path, an address would be a
 * folder `s3:`.
 */
export function notAPath(text: string): Omit<Problem, "where"> | null {
  const [address] = ADDRESS.exec(text) ?? [];
  const expected = "a path on the coordinator's machine";
  if (address !== undefined) {
    return {
      what: "addresses are not supported yet",
      expected,
      found: JSON.stringify(address),
      hint:
        address.toLowerCase() === "file://"
          ? "write the path alone, without `file://`"
          : "copy the data, or mount it, and name its path",
    };
  }
  return text.includes("\0") ? { what: "no path has a NUL character in it", expected } : null;
}
