import type { z } from "zod";
import type { SpecParts } from "../../../shared/extension/feature.ts";
import { canTransform, isComplex } from "./op.ts";
import { planSpectrogram, presetRate, type SpectrogramKind } from "./presets.ts";
import type { SpectrogramSpec } from "./spec.ts";

/** Keys that only a logarithm uses. */
const LOG_KEYS = ["offset", "floor", "reference", "range"] as const;

/** Reports broken rules of a spectrogram's keys. */
export function checkSpectrogram(
  kind: SpectrogramKind,
  spec: SpectrogramSpec,
  context: z.core.$RefinementCtx,
  refuse: SpecParts["refuse"],
): void {
  const plan = planSpectrogram(kind, spec, presetRate(spec.preset));
  const { nFft, winLength, log } = plan;
  if (!canTransform(nFft))
    refuse(context, ["nFft"], "has a large prime factor, so its transform would take long", {
      expected: "a number with prime factors up to 127, such as a power of two",
      found: String(nFft),
    });
  if (winLength > nFft)
    refuse(context, ["winLength"], "is more than the transform has", {
      expected: `at most \`nFft\`, ${nFft}`,
      found: String(winLength),
    });
  const { fMin = 0, fMax = Number.POSITIVE_INFINITY } = spec;
  if (fMin >= fMax)
    refuse(context, ["fMin"], "is not below `fMax`", { expected: `less than ${fMax}`, found: String(fMin) });
  if (isComplex(plan) && log !== "none")
    refuse(context, ["log"], "complex values have no logarithm", {
      expected: "`log` with `values: power` or `values: magnitude`",
      found: log,
    });
  const stray = LOG_KEYS.find((key) => spec[key] !== undefined);
  if (log === "none" && stray !== undefined)
    refuse(context, [stray], "is only used by a logarithm", { expected: "`log` with this key" });
}
