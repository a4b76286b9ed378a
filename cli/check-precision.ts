import type { CheckPrecision } from "../coordinator/job/pass-precision.ts";

/**
 * The coordinator's check of converted models, which says on stderr what it found, whether or not that is
 * good enough.
 *
 * @throws {PRECISION_LOSS} it is not
 */
export const checkPrecision: CheckPrecision = async (planned, signal) => {
  const { comparePrecision } = await import("../extensions/convert/check/check-precision.ts");
  const { judgePrecision } = await import("../worker/accuracy/judge-accuracy.ts");
  const { precisionText } = await import("./render/precision-text.ts");
  const { createStyle } = await import("../shared/terminal/style.ts");
  const style = createStyle(process.stderr);
  for (const warning of planned.converted?.conversion.warnings ?? []) {
    process.stderr.write(`${style.warn(`warning: ${warning}`)}\n`);
  }
  const report = await comparePrecision(planned, signal);
  process.stderr.write(`${precisionText(report, style)}\n`);
  judgePrecision(report);
  return report;
};
