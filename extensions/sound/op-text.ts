import type { SoundPlan } from "./op.ts";

/** What becomes of sounds: `16000 samples a second, mono, windows of 512 behind 64 of context`. */
export function soundText({ rate, channels, mix, windows, layout, normalize }: SoundPlan): string {
  const parts = [
    `${rate} samples a second`,
    channels === 1 && mix ? "mono" : `${channels} channels, ${layout}`,
    ...(normalize ? ["normalized"] : []),
  ];
  if (windows === null) return [...parts, "a row each"].join(", ");
  const { window, hop, context, pad } = windows;
  const behind = context === 0 ? "" : ` behind ${context} of context`;
  const steps = hop === window ? "" : `, one every ${hop}`;
  return [
    ...parts,
    `windows of ${window}${behind}${steps}`,
    ...(pad === "drop" ? ["whole ones only"] : []),
  ].join(", ");
}
