import { outputFields } from "../../shared/domain/output-fields.ts";
import type { DraftedFinish, DraftedMap, FinishContext } from "../../shared/extension/step-draft.ts";
import { planSpans } from "./plan-spans.ts";

const TOKEN_CLASSIFIER = /ForTokenClassification$/;

/**
 * Drafts the step that makes text spans of labelled tokens.
 *
 * @param map drafted without the step
 * @returns null when the model is no token classifier, or no input has one text column
 */
export function draftSpans(map: DraftedMap, context: FinishContext): DraftedFinish | null {
  const { architecture = null, labels = null } = context.folder?.facts ?? {};
  const binding = context.bind(map);
  const [input, keys] = Object.entries(map.inputs).find(([, { tokenizer }]) => tokenizer !== undefined) ?? [];
  if (binding === null || !TOKEN_CLASSIFIER.test(architecture ?? "")) return null;
  if (input === undefined || typeof keys?.column !== "string") return null;
  const scores = binding.outputs.find(
    ({ sequence, rowValues }) => sequence !== null && rowValues === labels?.length,
  );
  if (scores === undefined) return null;
  const text = keys.column;
  const offsets = context.freeName(["places", "token_places"]);
  const column = context.freeName(["spans", "text_spans"]);
  const kept = [...new Set([...map.keep, text]), offsets];
  const spans = { logits: scores.column, text, offsets, column };
  const whole = { ...map, inputs: { ...map.inputs, [input]: { ...keys, offsets } }, keep: kept };
  const bound = context.bind(whole);
  if (bound === null) return null;
  const step = { ...spans, strategy: "simple", ignore: ["O"] } as const;
  const planned = planSpans(step, {
    where: "map.finish[0].spans",
    fields: outputFields(bound),
    folder: context.folder,
  });
  if ("problems" in planned) return null;
  const says = "These columns become spans of the text, from the labels of its tokens.";
  return { input, keys: { offsets }, keep: kept, finish: [{ spans }], says };
}
