import { cutText } from "../../shared/core/cut-text.ts";
import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { parseJson } from "../../shared/core/parse-json.ts";
import { withoutTrailingSlashes } from "../../shared/core/without-slashes.ts";
import type { DraftedStep, JobDraftContext } from "../../shared/extension/job-draft.ts";
import type { CommentedEntry } from "../../shared/job-file/commented-yaml.ts";
import { wordsOf } from "./read-answer.ts";
import { AskClient, type Reply } from "./send.ts";

/** Limits of names in a draft. A hosted server has a hundred models. */
const MOST_MODELS = 20;
const MOST_COLUMNS = 8;
const NAME_BYTES = 200;
/** Limit of the wait for the list of models. */
const WAIT_MS = 20_000;

const PATH = "/chat/completions";

/**
 * Drafts a step that asks a server, by the server's list of models.
 *
 * @throws {ARGUMENT_INVALID} when the address or the key is wrong, or the server gives no list
 */
export async function draftAsk(address: string, context: JobDraftContext): Promise<DraftedStep> {
  const base = baseOf(address);
  const { key, signal } = context;
  const headers = key === null ? {} : { authorization: `Bearer ${secretOf(key, context.env)}` };
  using client = new AskClient(`${base}/models`, headers, WAIT_MS);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS)]);
  return draftBy(await client.get(limit), base, context);
}

/**
 * Drafts the step by the reply to a request for the models: the pure part of {@link draftAsk}.
 *
 * @throws {ARGUMENT_INVALID} when the reply is no list
 */
export function draftBy(reply: Reply, base: string, context: JobDraftContext): DraftedStep {
  const models = modelsOf(reply, `${base}/models`, context.key);
  return { entries: entriesOf(`${base}${PATH}`, models, context) };
}

/** Returns the address that all paths of the protocol begin with: `http://127.0.0.1:8000/v1`. */
export function baseOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    // The address may have a secret, so it is not shown.
    throw invalid("is not the address of a server", {
      expected: "http://HOST:PORT, http://HOST:PORT/v1 or https://..., without a password",
    });
  const path = withoutTrailingSlashes(url.pathname);
  const above = path.endsWith(PATH) ? path.slice(0, -PATH.length) : path;
  return `${url.origin}${above === "" ? "/v1" : above}`;
}

function secretOf(key: string, env: NodeJS.ProcessEnv): string {
  const secret = env[key];
  if (secret !== undefined && secret !== "") return secret;
  throw invalid(`names a variable that is not set: ${cutText(key, NAME_BYTES)}`, {
    option: "ask-key",
    expected: "the name of a variable with the key, such as LLM_KEY",
    hint: "export the variable, and give its name without $",
  });
}

/** Returns the names of a server's models, those that chat first. */
function modelsOf(reply: Reply, url: string, key: string | null): readonly string[] {
  if (reply.kind === "broken") throw silent(url, reply.why);
  const { status, body } = reply;
  if (status === 401 || status === 403)
    throw invalid(`names a server that ${key === null ? "needs a key" : "refuses the key"}`, {
      found: `${status} from ${url}`,
      hint: "put the key into a variable, and name it with --ask-key",
    });
  const list: unknown = Reflect.get(Object(parseJson(body)), "data");
  if (status !== 200 || !Array.isArray(list))
    throw invalid("names a server that does not list its models", {
      expected: `a list of models from ${url}`,
      found: `${status}: ${wordsOf(body)}`,
      hint: "give the address up to /v1, as the server's documentation names it",
    });
  const names = list.flatMap((model) => {
    const id: unknown = Reflect.get(Object(model), "id");
    return typeof id === "string" && id !== "" && id.length <= NAME_BYTES ? [id] : [];
  });
  const chats = (name: string) => !/embed|rerank|whisper|tts|moderation|dall-e/i.test(name);
  return [...names.filter(chats), ...names.filter((name) => !chats(name))];
}

function silent(url: string, why: string): ShardmillError {
  return invalid("names a server that does not answer", {
    found: `${why}, from ${url}`,
    hint: "start the server, or correct its address",
  });
}

function entriesOf(
  url: string,
  [model, ...others]: readonly string[],
  { texts, fields, key, freeName }: JobDraftContext,
): readonly CommentedEntry[] {
  const column = freeName(["answer"]);
  return [
    entry("url", url),
    ...(key === null
      ? []
      : [{ key: "key", value: { variable: key }, above: ["Workers take it from their environment."] }]),
    entry("model", model ?? "MODEL", modelQuestion(model, others)),
    entry("prompt", promptOf((texts.length > 0 ? texts : fields).map(({ name }) => name)), [
      "TODO: write your question about a row. `{column}` is the value of a column. A row with a null there is a dead letter.",
    ]),
    ...(column === "answer" ? [] : [entry("column", column)]),
    entry("request", { max_tokens: 512 }, ["Further keys of each request, such as temperature."]),
    entry("concurrency", 16, ["Requests at once, over all workers. `perMinute` sets rates."]),
  ];
}

function modelQuestion(model: string | undefined, others: readonly string[]): readonly string[] {
  if (model === undefined) return ["TODO: the server lists no model. Name one."];
  if (others.length === 0) return [];
  const more = others.length - MOST_MODELS;
  const shown = others.slice(0, MOST_MODELS).join(", ");
  return [`TODO: choose a model. The server also has ${shown}${more > 0 ? `, and ${more} more` : ""}.`];
}

/** Returns a question about the first columns that a question can name. */
function promptOf(columns: readonly string[]): string {
  const named = columns.filter((name) => !/[{}]/.test(name)).slice(0, MOST_COLUMNS);
  const [only, ...more] = named;
  if (only === undefined) return "Say hello.";
  const values = more.length === 0 ? `{${only}}` : named.map((name) => `${name}: {${name}}`).join(", ");
  return `Summarize in one sentence: ${values}`;
}

function entry(key: string, inline: unknown, above: readonly string[] = []): CommentedEntry {
  return { key, value: { inline }, above };
}

function invalid(
  what: string,
  { option = "ask", ...problem }: Omit<Problem, "where" | "what"> & { readonly option?: string },
): ShardmillError {
  const where = `--${option}`;
  return new ShardmillError("ARGUMENT_INVALID", `${where} ${what}`, {
    fields: { option },
    problems: [{ where, what, ...problem }],
  });
}
