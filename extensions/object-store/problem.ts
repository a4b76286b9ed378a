import type { Answer } from "../../shared/http/messages.ts";
import { XmlReader } from "./xml.ts";

/** Error of a refused request. */
export interface StoreProblem {
  /** Code such as `NoSuchKey`. Empty: the response has no body, like those to HEAD. */
  readonly code: string;
  readonly message: string;
  /** Region of the bucket. Empty: unknown. */
  readonly region: string;
}

/** Parses the error in a body. Without one, all fields are empty. */
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
    // A proxy's page, or a truncated body. The status is all there is.
  }
  return { code: boundedText(code), message: boundedText(message), region };
}

/** Limit of a shown text. A key has up to a kilobyte, and longer texts are web pages. */
const MOST_CHARS = 1_024;

/** Truncates a store's text for messages, logs and dead letters. */
export function boundedText(text: string): string {
  return text.length <= MOST_CHARS ? text : `${text.slice(0, MOST_CHARS)}...`;
}
