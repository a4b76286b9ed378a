import type { AccuracyLimits } from "../../shared/domain/accuracy.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { DEVICE_TRAITS } from "../../shared/onnx/devices.ts";

/** Default error limit of a value, and default share of rows that may exceed it. */
export type UsualLimits = Pick<AccuracyLimits, "tolerance" | "maxBeyond">;

type CheckSpec = NonNullable<JobSpec["model"]>["check"];

/**
 * Default limits of devices that do not round. Measured on models from packages: see decision 35 in
 * docs/decisions. In float32, devices differ by the order of sums only.
 */
const EXACT: UsualLimits = { tolerance: 1e-3, maxBeyond: 0 };

/**
 * Default limits of half precision (float16, or NVIDIA's TensorFloat-32), which keeps ten bits. Sums that
 * cancel out lose more.
 */
const ROUNDED: UsualLimits = { tolerance: 0.1, maxBeyond: 0 };

/** Returns the limits of a device, compared with the CPU and the same model. */
export function deviceLimits(check: CheckSpec, device: ConcreteDevice, isConverted: boolean): AccuracyLimits {
  return accuracyLimits(check, DEVICE_TRAITS[device].rounds || isConverted ? ROUNDED : EXACT);
}

/** Returns the limits of a job, with defaults for `auto`. */
export function accuracyLimits(check: CheckSpec, usual: UsualLimits): AccuracyLimits {
  const { tolerance, maxBeyond, minCosine, minAgreement } = check;
  return {
    tolerance: tolerance === "auto" ? usual.tolerance : tolerance,
    maxBeyond: maxBeyond === "auto" ? usual.maxBeyond : maxBeyond,
    minCosine,
    minAgreement,
  };
}
