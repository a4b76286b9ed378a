import { messageOf } from "../../shared/core/errors.ts";

/** A parser of JSON shows a piece of what it cannot read: of a file of credentials, that is a secret. */
const PARSER = /not valid JSON|in JSON at|Unexpected (token|non-whitespace|end|string|number)/;

/** What is told of why a library has no credentials. */
export function saidBy(cause: unknown): string {
  const said = messageOf(cause);
  return cause instanceof SyntaxError || PARSER.test(said) ? "a file of credentials is no JSON" : said;
}
