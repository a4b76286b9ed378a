/** Address of an SQS queue. */
export interface SqsAddress {
  readonly url: string;
  readonly queue: string;
  readonly shown: string;
}

/** Parses the URL of a queue. Null: not an SQS queue. */
export function parseSqs(text: string): SqsAddress | null {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  const [, queue] = /\/[^/]+\/([A-Za-z0-9_-]{1,80}(?:\.fifo)?)$/.exec(url.pathname) ?? [];
  if (queue === undefined || url.username !== "" || url.search !== "") return null;
  return { url: text, queue, shown: `${url.origin}${url.pathname}` };
}
