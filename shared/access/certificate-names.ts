import type { PeerCertificate } from "node:tls";
import { ShardmillError } from "../core/errors.ts";

/**
 * Kinds of names in certificates: `DNS:node1.example.com`, `URI:spiffe://cluster/ns/batch/sa/worker`,
 * `EMAIL:a@example.com`, `IP:10.0.0.1`, and `CN:batch`, the subject's common name.
 */

const KINDS = ["DNS", "URI", "EMAIL", "IP", "CN"] as const;
/** Kinds of alternative names by Node's names for them. */
const KIND_OF: Readonly<Record<string, (typeof KINDS)[number]>> = {
  DNS: "DNS",
  URI: "URI",
  email: "EMAIL",
  "IP Address": "IP",
};

/** Pattern of an alternative name. Node quotes names with special characters, and those are skipped. */
const ALTERNATIVE = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/g;

/** Returns all names of a verified certificate. The signing CA vouches for each of them. */
export function namesOf({
  subject,
  subjectaltname,
}: Partial<Pick<PeerCertificate, "subject" | "subjectaltname">>): readonly string[] {
  const common: unknown = subject?.CN;
  const texts = typeof common === "string" ? [common] : [];
  const alternatives = [...(subjectaltname ?? "").matchAll(ALTERNATIVE)].flatMap(
    ([, kind = "", name = ""]) => {
      const known = Object.hasOwn(KIND_OF, kind) ? KIND_OF[kind] : undefined;
      return known === undefined || name === "" || name.startsWith('"') ? [] : [`${known}:${name}`];
    },
  );
  return [...alternatives, ...texts.map((name) => `CN:${name}`)];
}

/**
 * Checks the pattern for the names of accepted callers: a name, or `DNS:*.example.com` for all names with one
 * more label.
 *
 * @returns the pattern for {@link matches}
 * @throws {ARGUMENT_INVALID} when the text is not such a pattern
 */
export function parseCertificateName(text: string): string {
  const [, kind = "", name = ""] = /^([A-Z]+):(\S(?:.*\S)?)$/.exec(text) ?? [];
  const known = KINDS.find((each) => each === kind);
  const isWhole =
    known === "DNS" ? /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(name) : !name.includes("*");
  if (known !== undefined && isWhole) return known === "DNS" ? `DNS:${name.toLowerCase()}` : text;
  throw new ShardmillError("ARGUMENT_INVALID", `${JSON.stringify(text)} is not a name of a certificate`, {
    fields: { option: "certificate", found: text },
    hint: "expected DNS:node1.example.com, DNS:*.example.com, URI:spiffe://cluster/worker, EMAIL:..., IP:... or CN:...",
  });
}

/** @param pattern of {@link parseCertificateName} @param name of {@link namesOf} */
export function matches(pattern: string, name: string): boolean {
  if (!name.startsWith("DNS:")) return pattern === name;
  const lower = `DNS:${name.slice("DNS:".length).toLowerCase()}`;
  if (!pattern.startsWith("DNS:*.")) return pattern === lower;
  const [, rest = ""] = /^DNS:[^.*]+(\..+)$/.exec(lower) ?? [];
  return rest === pattern.slice("DNS:*".length);
}
