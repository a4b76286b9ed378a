import type { PeerCertificate } from "node:tls";
import { ShardmillError } from "../core/errors.ts";

/**
 * Names in certificates: `DNS:node1.example.com`, `URI:spiffe://cluster/ns/batch/sa/worker`,
 * `EMAIL:a@example.com`, `IP:10.0.0.1`, and `CN:batch`, the subject's common name.
 */

const KINDS = ["DNS", "URI", "EMAIL", "IP", "CN"] as const;
/** What Node calls the kinds of alternative names. */
const KIND_OF: Readonly<Record<string, (typeof KINDS)[number]>> = {
  DNS: "DNS",
  URI: "URI",
  email: "EMAIL",
  "IP Address": "IP",
};

/** Each alternative name; those with special characters, which Node puts into quotes, are left out. */
const ALTERNATIVE = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/g;

/** All names of a certificate that was verified. A CA that signs a name vouches for it, whichever it is. */
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
 * What stands for the names of those who are let in: a name, or `DNS:*.example.com` for all with one label
 * more.
 *
 * @returns it as {@link matches} takes it
 * @throws {ARGUMENT_INVALID}
 */
export function parseCertificateName(text: string): string {
  const [, kind = "", name = ""] = /^([A-Z]+):(\S(?:.*\S)?)$/.exec(text) ?? [];
  const known = KINDS.find((each) => each === kind);
  const isWhole =
    known === "DNS" ? /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(name) : !name.includes("*");
  if (known !== undefined && isWhole) return known === "DNS" ? `DNS:${name.toLowerCase()}` : text;
  throw new ShardmillError("ARGUMENT_INVALID", `${JSON.stringify(text)} is no name of a certificate`, {
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
