import type { Precision } from "../../extensions/convert/precision.ts";
import type { AccuracyLimits } from "../../shared/domain/accuracy.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { DEVICE_TRAITS } from "../../shared/onnx/devices.ts";

type Arithmetic = Precision | "half";

/**
 * What a value may be off by, and how many rows by more, where the job says nothing. Measured on models that
 * packages carry: see decision 35. A device that computes in float32 is off by the order of its sums alone.
 * Half precision (float16, and the TensorFloat of NVIDIA's products) keeps ten bits, and loses more where
 * sums cancel out; int8 keeps seven.
 */
const DEFAULTS = {
  original: { tolerance: 1e-3, maxBeyond: 0 },
  half: { tolerance: 0.1, maxBeyond: 0 },
  fp16: { tolerance: 0.1, maxBeyond: 0 },
  int8: { tolerance: 1, maxBeyond: 0.01 },
} as const satisfies Record<Arithmetic, Pick<AccuracyLimits, "tolerance" | "maxBeyond">>;

type CheckSpec = JobSpec["model"]["check"];

/** For a converted model, against its original. */
export function precisionLimits(check: CheckSpec, precision: Precision): AccuracyLimits {
  return limitsOf(check, precision);
}

/** For a device, against the CPU with the same model. */
export function deviceLimits(check: CheckSpec, device: ConcreteDevice, precision: Precision): AccuracyLimits {
  const rounds = DEVICE_TRAITS[device].rounds || precision !== "original";
  return limitsOf(check, rounds ? "half" : "original");
}

function limitsOf(check: CheckSpec, arithmetic: Arithmetic): AccuracyLimits {
  const { tolerance, maxBeyond, minCosine, minAgreement } = check;
  const usual = DEFAULTS[arithmetic];
  return {
    tolerance: tolerance === "auto" ? usual.tolerance : tolerance,
    maxBeyond: maxBeyond === "auto" ? usual.maxBeyond : maxBeyond,
    minCosine,
    minAgreement,
  };
}
