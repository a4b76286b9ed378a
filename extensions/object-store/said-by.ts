import { messageOf } from "../../shared/core/errors.ts";

/** Messages of JSON parsers, which quote the input. In a credentials file, the quote is a secret. */
const PARSER = /not valid JSON|in JSON at|Unexpected (token|non-whitespace|end|string|number)/;

/** Returns a library's reason for missing credentials, without secrets. */
export function saidBy(cause: unknown): string {
  const said = messageOf(cause);
  return cause instanceof SyntaxError || PARSER.test(said) ? "a credentials file is not JSON" : said;
}
