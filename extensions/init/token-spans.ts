import { planSpans } from "../../coordinator/plan/steps/plan-spans.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { outputFields } from "../../shared/domain/output-fields.ts";
import type { DraftKeys } from "../../shared/extension/feature-draft.ts";
import { freeName } from "./free-name.ts";
import { type DraftContext, type DraftMap, tryBind } from "./try-bind.ts";

const TOKEN_CLASSIFIER = /ForTokenClassification$/;

/** What makes spans of labelled tokens: keys that an input needs, columns that are kept, and the step. */
interface SpansDraft {
  readonly input: string;
  /** Added to those of the input. */
  readonly keys: DraftKeys;
  readonly keep: readonly string[];
  readonly finish: readonly DraftKeys[];
}

type WholeMap = DraftMap & Required<Pick<DraftMap, "inputs" | "outputs" | "keep">>;

/**
 * Where the model labels tokens of a text, the step that makes spans of the text of them; null where it does
 * not, or where no text is at hand.
 *
 * @param map drafted without it
 */
export function draftSpans(map: WholeMap, context: DraftContext): SpansDraft | null {
  const { architecture = null, labels = null } = context.folder?.facts ?? {};
  const tried = tryBind(map, context);
  const [input, keys] = Object.entries(map.inputs).find(([, { tokenizer }]) => tokenizer !== undefined) ?? [];
  if (tried.kind === "misfit" || !TOKEN_CLASSIFIER.test(architecture ?? "")) return null;
  if (input === undefined || typeof keys?.column !== "string") return null;
  const scores = tried.binding.outputs.find(
    ({ sequence, rowValues }) => sequence !== null && rowValues === labels?.length,
  );
  if (scores === undefined) return null;
  const text = keys.column;
  const names = [...context.fields.map(({ name }) => name), ...Object.keys(map.outputs)];
  const taken = new Set(names.map((name) => name.toLowerCase()));
  const offsets = freeName(["places", "token_places"], taken);
  const column = freeName(["spans", "text_spans"], taken);
  const kept = [...new Set([...map.keep, text]), offsets];
  const spans = { logits: scores.column, text, offsets, column };
  const whole = { ...map, inputs: { ...map.inputs, [input]: { ...keys, offsets } }, keep: kept };
  const bound = tryBind(whole, context);
  if (bound.kind === "misfit") return null;
  const step = { ...spans, strategy: "simple", ignore: ["O"] } as const;
  try {
    planSpans(step, { where: "map.finish[0]", fields: outputFields(bound.binding), labels });
  } catch (error) {
    if (!isShardmillError(error, "SPEC_INVALID")) throw error;
    return null;
  }
  return { input, keys: { offsets }, keep: kept, finish: [{ spans }] };
}
