import type { AccuracyLimits } from "../../shared/domain/accuracy.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { DEVICE_TRAITS } from "../../shared/onnx/devices.ts";

/** What a value may be off by, and the share of rows that may be off by more. */
export type UsualLimits = Pick<AccuracyLimits, "tolerance" | "maxBeyond">;

type CheckSpec = JobSpec["model"]["check"];

/**
 * Limits of devices where the job says nothing. They were measured on models that packages carry, see
 * decision 35. A device that computes in float32 differs by the order of its sums alone.
 */
const EXACT: UsualLimits = { tolerance: 1e-3, maxBeyond: 0 };

/**
 * Half precision (float16, and the TensorFloat of NVIDIA's products) keeps ten bits. It loses more where sums
 * cancel out.
 */
const ROUNDED: UsualLimits = { tolerance: 0.1, maxBeyond: 0 };

/** Limits of a device, compared with the CPU and the same model. */
export function deviceLimits(check: CheckSpec, device: ConcreteDevice, isConverted: boolean): AccuracyLimits {
  return accuracyLimits(check, DEVICE_TRAITS[device].rounds || isConverted ? ROUNDED : EXACT);
}

/** Limits that a job sets, completed by the usual ones. */
export function accuracyLimits(check: CheckSpec, usual: UsualLimits): AccuracyLimits {
  const { tolerance, maxBeyond, minCosine, minAgreement } = check;
  return {
    tolerance: tolerance === "auto" ? usual.tolerance : tolerance,
    maxBeyond: maxBeyond === "auto" ? usual.maxBeyond : maxBeyond,
    minCosine,
    minAgreement,
  };
}
