import type { AnswerHead } from "./messages.ts";

/** Head of a response whose body has a known length. */
export interface SizedHead extends AnswerHead {
  readonly bodyBytes: number;
  /** True when the server keeps the connection. */
  readonly isKept: boolean;
  /** Time that the server keeps it. Null: unknown. */
  readonly keptMs: number | null;
}

const STATUS = /^HTTP\/1\.1 ([2-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
/** Name and value of a field. The lookahead keeps the time linear. */
const FIELD =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*(?![\t ])((?:[\x21-\x7e\x80-\xff]+(?:[\t ]+[\x21-\x7e\x80-\xff]+)*)?)[\t ]*$/;
/** Fields that change how a body is read. */
const OTHERS = ["transfer-encoding", "upgrade", "trailer"];
/** Statuses whose responses have no body, whatever their length says. */
const WITHOUT_BODY = ["204", "304"];

/**
 * Parses the head of a response, without its empty line. Null: the head is unusual, and Node's parser must
 * read the response. These are all heads without a length, with a field twice, or with a fault. Only fields
 * of a store's own (`x-...`) may come twice, because some servers repeat them. They are joined as Node does.
 *
 * @param text head in latin1
 */
export function sizedHead(text: string): SizedHead | null {
  const [first = "", ...lines] = text.split("\r\n");
  const status = STATUS.exec(first)?.[1];
  if (status === undefined || WITHOUT_BODY.includes(status)) return null;
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, field, value = ""] = FIELD.exec(line) ?? [];
    const name = field?.toLowerCase();
    if (name === undefined || OTHERS.includes(name)) return null;
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (before !== undefined && !name.startsWith("x-")) return null;
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  const { "content-length": length = "", connection = "keep-alive" } = headers;
  if (!/^\d{1,15}$/.test(length)) return null;
  const kept = /(?:^|[\s,])timeout=(\d{1,6})/i.exec(headers["keep-alive"] ?? "")?.[1];
  return {
    status: Number(status),
    headers,
    bodyBytes: Number(length),
    isKept: connection.toLowerCase() === "keep-alive",
    keptMs: kept === undefined ? null : Number(kept) * 1_000,
  };
}
