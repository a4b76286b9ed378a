import * as z from "zod";
import { cutText } from "../../shared/core/cut-text.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { parseJson } from "../../shared/core/parse-json.ts";
import type { NamedType } from "../../shared/values/value-type.ts";
import { closed, columnValue } from "./answer-type.ts";
import type { AskOp } from "./op.ts";

/** Answer as values of the columns, or the reason why there is none. */
export type Answer =
  | { readonly kind: "values"; readonly values: readonly unknown[] }
  | { readonly kind: "bad"; readonly why: string };

const DESCRIBE = "describe the JSON in `prompt`, in case the server ignores `response_format`";

/** Limit of a server's words in a dead letter. */
const WORDS_BYTES = 400;

/** Reads the answers of a step. */
export function answerReader(
  { answer, tokens }: Pick<AskOp, "answer" | "tokens">,
  columns: readonly NamedType[],
) {
  const schema = answer === null ? null : z.fromJSONSchema(closed(answer) as z.core.JSONSchema.JSONSchema);
  const own = tokens === undefined ? columns : columns.slice(0, -1);
  const withTokens = (values: readonly unknown[], body: string): Answer => {
    if (tokens === undefined) return { kind: "values", values };
    const count = Math.round(tokensOf(body));
    return { kind: "values", values: [...values, count === 0 ? null : BigInt(count)] };
  };
  return (body: string): Answer => {
    const found = contentOf(body);
    if (found.kind === "bad") return found;
    const { content, end } = found;
    if (schema === null) return withTokens([content], body);
    const wasCut = end === "length" ? " (it was cut at the limit of tokens)" : "";
    const fix = wasCut === "" ? DESCRIBE : "set a larger limit in `request`";
    let value: unknown;
    try {
      value = JSON.parse(content);
    } catch (error) {
      return bad(`the answer is not JSON${wasCut}: ${messageOf(error)}`, content, fix);
    }
    const checked = schema.safeParse(value);
    if (!checked.success)
      return bad(`the answer does not fit its schema: ${issueText(checked.error)}`, content, DESCRIBE);
    const values = own.map(({ name, type }) => columnValue(Reflect.get(Object(value), name), type));
    return withTokens(values, body);
  };
}

/** Returns the tokens that the server counted for a reply. 0: unknown. */
export function tokensOf(body: string): number {
  const tokens = at(at(parseJson(body), "usage"), "total_tokens");
  return typeof tokens === "number" && Number.isFinite(tokens) ? tokens : 0;
}

/** Returns what a server says in an error: its message, or its text. */
export function wordsOf(body: string): string {
  const error = at(parseJson(body), "error");
  const message =
    typeof error === "string" ? error : (at(error, "message") ?? at(parseJson(body), "message"));
  return quoted(typeof message === "string" ? message : body);
}

function contentOf(
  body: string,
):
  | { readonly kind: "content"; readonly content: string; readonly end: unknown }
  | Extract<Answer, { kind: "bad" }> {
  const reply = parseJson(body);
  const choices = at(reply, "choices");
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const message = at(choice, "message");
  const content = at(message, "content");
  const refusal = at(message, "refusal");
  if (typeof content === "string") return { kind: "content", content, end: at(choice, "finish_reason") };
  if (typeof refusal === "string") return bad("the model refuses", refusal);
  return bad("the reply is not a chat completion", body, "check that `url` is that of chat completions");
}

function issueText(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return "it is invalid";
  const path = issue.path.map(String).join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}

/** @param fix what the user can do. Default: nothing */
function bad(why: string, words: string, fix?: string): Extract<Answer, { kind: "bad" }> {
  return { kind: "bad", why: `${why}: ${quoted(words)}${fix === undefined ? "" : ` (${fix})`}` };
}

function quoted(words: string): string {
  return JSON.stringify(cutText(words.trim(), WORDS_BYTES));
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
