import { isText } from "../../shared/domain/file-cells.ts";
import { isFixed, type TensorInfo } from "../../shared/domain/tensor.ts";
import {
  type DraftKeys,
  type DraftWays,
  type FoundWay,
  type InputWay,
  lostQuestions,
  type SeenFiles,
  type WayContext,
  whichColumn,
} from "../../shared/extension/feature-draft.ts";

/** Rate when no file was opened, common to nearly all speech models. */
const USUAL_RATE = 16_000;

/** Window of a recurrent model that does not declare its length. */
const PIECE_SECONDS = 0.032;

/** Names of an input that has the sample rate. */
const RATE_INPUTS = /^(sr|fs|sample_?rate|sampling_?rate)$/i;

/**
 * Windows that the model itself does not reveal: those of its maker's program, by rate. The model is
 * recognised by the names of its inputs and outputs.
 */
const MAKERS_WINDOWS: readonly {
  readonly tensors: string;
  readonly byRate: Readonly<Record<number, { readonly window: number; readonly context: number }>>;
}[] = [
  // Silero VAD 5 and 6: `OnnxWrapper` in utils_vad.py.
  {
    tensors: "input state sr -> output stateN",
    byRate: { 16000: { window: 512, context: 64 }, 8000: { window: 256, context: 32 } },
  },
];

/** Drafts an input of samples from a column that was seen to hold or name sounds. */
const soundWay: InputWay = (tensor, context) => {
  const { free, files, fits } = context;
  if (!tensor.dtype.startsWith("float")) return null;
  const ways = free.flatMap((field) => {
    const seen = files.get(field.name);
    if (seen?.what !== "sounds") return [];
    const way = wayOf(tensor, { column: field.name, seen }, context);
    return fits(way.keys) ? [{ field, seen, way }] : [];
  });
  // Opened sounds have known rates, and bytes need no folder.
  const rank = ({ field, seen }: (typeof ways)[number]) =>
    Number(!seen.opened) * 2 + Number(isText(field.type));
  const [first] = ways.toSorted((a, b) => rank(a) - rank(b));
  if (first === undefined) return null;
  const which = whichColumn(
    ways.map(({ field }) => field),
    "these hold sounds",
  );
  return { keys: first.way.keys, questions: [...which, ...first.way.questions] };
};

/** Returns the rate of the sounds that feed another input, for an input that has the rate. */
function rateValue({ name, dims }: TensorInfo, drafted: readonly DraftKeys[]): number | null {
  if (!RATE_INPUTS.test(name) || dims.length > 0) return null;
  for (const { sound } of drafted)
    if (typeof sound === "object" && sound !== null && "rate" in sound && typeof sound.rate === "number")
      return sound.rate;
  return null;
}

/** Ways in which `init` drafts sound inputs. */
export const SOUND_WAYS: DraftWays = { way: soundWay, value: rateValue };

function wayOf(
  tensor: TensorInfo,
  { column, seen }: { readonly column: string; readonly seen: SeenFiles },
  context: WayContext,
): FoundWay {
  const rate = rateOf(seen, context);
  const windows = windowsOf(tensor, rate.value, context);
  const { normalize = null } = context.folder?.facts.features.sound ?? {};
  const sound = {
    rate: rate.value,
    ...windows.keys,
    ...(normalize === true ? { normalize } : {}),
    ...(seen.folder === null ? {} : { folder: seen.folder }),
  };
  const questions = [...rate.questions, ...windows.questions, ...lostQuestions(seen)];
  return { keys: { column, sound }, questions };
}

interface Chosen<T> {
  readonly value: T;
  readonly questions: readonly string[];
}

function rateOf({ rates }: SeenFiles, context: WayContext): Chosen<number> {
  const said = context.folder?.facts.features.sound?.rate ?? null;
  if (typeof said === "number") return { value: said, questions: [] };
  const [commonest = USUAL_RATE] = rates;
  const known = Object.keys(makersWindows(context) ?? {}).map(Number);
  // Such a model supports a few rates, the usual one among them.
  if (known.length > 0) return { value: known.includes(commonest) ? commonest : USUAL_RATE, questions: [] };
  const found = rates.length === 0 ? "no file gives it" : `these sounds have ${rates.join(", ")}`;
  return { value: commonest, questions: [`which rate was the model trained on? ${found}`] };
}

function windowsOf(
  { dims }: TensorInfo,
  rate: number,
  context: WayContext,
): { readonly keys: DraftKeys; readonly questions: readonly string[] } {
  const makers = makersWindows(context)?.[rate];
  if (makers !== undefined) return { keys: makers, questions: [] };
  const [longest] = dims
    .slice(1)
    .filter(isFixed)
    .toSorted((a, b) => b - a);
  // One or two would be channels.
  if (longest !== undefined && longest > 2) return { keys: { window: longest }, questions: [] };
  const ask = (window: number) => ({
    keys: { window },
    questions: [`how many samples does the model take at once? ${window} are ${window / rate} s`],
  });
  if (context.hasStates) return ask(Math.round(rate * PIECE_SECONDS));
  // With channels first, the samples of a whole sound are not a list of positions.
  return dims.length === 2 ? { keys: {}, questions: [] } : ask(rate);
}

function makersWindows({ signature: { inputs, outputs } }: WayContext) {
  const names = (tensors: readonly TensorInfo[]) => tensors.map(({ name }) => name).join(" ");
  const tensors = `${names(inputs)} -> ${names(outputs)}`;
  return MAKERS_WINDOWS.find((known) => known.tensors === tensors)?.byRate;
}
