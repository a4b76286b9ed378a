import type { Answer } from "../../shared/http/messages.ts";
import { XmlReader } from "./xml.ts";

/** What a store says of a request that it did not do. */
export interface StoreProblem {
  /** `NoSuchKey`; empty where the answer has no body, as those to HEAD. */
  readonly code: string;
  readonly message: string;
  /** Where the bucket is; empty where that is not told. */
  readonly region: string;
}

/** The error in a body; nothing where it has none. */
export function problemOf({ body }: Pick<Answer, "body">): StoreProblem {
  let code = "";
  let message = "";
  let region = "";
  const reader = new XmlReader((path, text) => {
    if (path.length !== 2 || path[0] !== "Error") return;
    if (path[1] === "Code") code = text;
    if (path[1] === "Message") message = text;
    if (path[1] === "Region") region = text;
  });
  try {
    reader.take(body);
    reader.end();
  } catch {
    // A page of a proxy, or one that was cut: its status is what there is.
  }
  return { code: boundedText(code), message: boundedText(message), region };
}

/** A key has up to a kilobyte; a text that is longer is a page. */
const MOST_CHARS = 1_024;

/** What a store says, as it goes into messages, logs and dead letters. */
export function boundedText(text: string): string {
  return text.length <= MOST_CHARS ? text : `${text.slice(0, MOST_CHARS)}...`;
}
